// StreamTask: the wait of an adapter, one at a time, in a task of its own. Other streams call an
// adapter at any time, from any task. A wait made inside such a call would belong to the calling
// task, and end with it.
import { CancelledError, createTask, type Task } from '../core/index.ts';

export class StreamTask {
  readonly #name: string;
  /** The last task that was started; undefined before. */
  #task: Task<void> | undefined = undefined;
  #stopped = false;

  constructor(name: string) {
    this.#name = name;
  }

  /**
   * Calls `wait`, which runs at once up to its first wait. `onError` receives what it throws, or
   * undefined when the task was cancelled from outside, for example by the end of `run`. After
   * `stop`, nothing runs and nothing is reported.
   */
  start(wait: () => Promise<void>, onError: (error: unknown) => void): void {
    if (this.#stopped) return;
    const task = createTask(wait, { name: this.#name, eager: true });
    this.#task = task;
    task.markHandled();
    // Not then(): inside a task, that would be an await of that task, and its cancel would reach
    // this one.
    task.addDoneCallback(() => {
      if (this.#stopped) return;
      const error: unknown = task.cancelled() ? new CancelledError() : task.exception();
      if (error !== undefined) onError(error instanceof CancelledError ? undefined : error);
    });
  }

  /**
   * Cancels the wait, for good. Resolves when it has ended: the reader or writer is free again.
   * Never rejects.
   */
  stop(): Promise<void> {
    this.#stopped = true;
    const task = this.#task;
    if (task === undefined || !task.cancel()) return Promise.resolve();
    return new Promise((resolve) => {
      task.addDoneCallback(() => resolve());
    });
  }
}
