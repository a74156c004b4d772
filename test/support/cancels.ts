// Cancels at random awaits: each task that is given over is cancelled when it comes by one of its points, which a seed
// chooses. A point is the beginning of a wait, its answer, or its delivery; careless code loses something at each of them.
import { createTask, type Task } from 'maitre';
import { addInstrument, type TaskRecord, type WaitRecord } from 'maitre/lowlevel';

export class RandomCancels implements Disposable {
  /** The points that are left before each cancel of a task, one after the other. */
  readonly #plans = new Map<TaskRecord, number[]>();
  readonly #random: () => number;
  readonly #share: number;
  readonly #undo: Disposable;
  #cancels = 0;

  /**
   * @param random numbers from 0 to 1
   * @param share how many of the tasks are cancelled, 0 to 1
   */
  constructor(random: () => number, share: number) {
    this.#random = random;
    this.#share = share;
    const met = ({ task }: WaitRecord): void => void (task !== undefined && this.#met(task));
    this.#undo = addInstrument({ waitBegun: met, waitAnswered: met, waitEnded: met });
  }

  /** The cancels that came before their task had ended. */
  get cancels(): number {
    return this.#cancels;
  }

  /** Starts a task that may be cancelled, at one point, or at two: the second meets the cleanup. */
  start<T>(name: string, points: number, body: () => Promise<T>): Task<T> {
    const task = createTask(body, { name });
    const plan: number[] = [];
    while (plan.length < 2 && this.#random() < this.#share) plan.push(Math.floor(this.#random() * points));
    if (plan[0] === 0) this.#cancel(task);
    else if (plan.length > 0) this.#plans.set(task, plan);
    void task.finally(() => this.#plans.delete(task)).catch(() => undefined); // its outcome is the caller's affair
    return task;
  }

  [Symbol.dispose](): void {
    this.#undo[Symbol.dispose]();
  }

  #met(task: TaskRecord): void {
    const plan = this.#plans.get(task);
    if (plan?.[0] === undefined) return;
    if (plan[0]-- > 0) return;
    plan.shift();
    // Now or a microtask later: when the step has reached its await.
    if (this.#random() < 0.5) this.#cancel(task);
    else queueMicrotask(() => this.#cancel(task));
  }

  #cancel(task: TaskRecord): void {
    if ((task as Task<unknown>).cancel('cancelled by the seed')) this.#cancels++; // only tasks are given over
  }
}
