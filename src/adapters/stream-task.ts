// StreamTask: what an adapter waits for, one thing at a time, in a task of the adapter's own. Other streams call at any
// moment, from anybody's task: a wait made in their call would be a wait of that task, and end with it.
import { CancelledError, createTask, type Task } from '../core/index.ts';

export class StreamTask {
  readonly #name: string;
  /** The last one started; undefined before. */
  #task: Task<void> | undefined = undefined;
  #stopped = false;

  constructor(name: string) {
    this.#name = name;
  }

  /**
   * Runs `wait`, up to its first wait at once. `onError` gets what it throws, and undefined when somebody else cancelled
   * the task, such as the end of `run`. After `stop` nothing is run and nothing told.
   */
  start(wait: () => Promise<void>, onError: (error: unknown) => void): void {
    if (this.#stopped) return;
    const task = createTask(wait, { name: this.#name, eager: true });
    this.#task = task;
    task.markHandled();
    // Not then(): in a task that would be an await by that task, and its cancel would reach this one.
    task.addDoneCallback(() => {
      if (this.#stopped) return;
      const error: unknown = task.cancelled() ? new CancelledError() : task.exception();
      if (error !== undefined) onError(error instanceof CancelledError ? undefined : error);
    });
  }

  /** Takes the wait back, for good. Resolves when it has ended: the reader or writer is free again. Never rejects. */
  stop(): Promise<void> {
    this.#stopped = true;
    const task = this.#task;
    if (task === undefined || !task.cancel()) return Promise.resolve();
    return new Promise((resolve) => {
      task.addDoneCallback(() => resolve());
    });
  }
}
