// A group of tasks with one end: whoever starts them waits for them. Semantics: asyncio.TaskGroup (3.13, `cancel` 3.15).
//
// States: OPEN (the body runs) -> EXITING (the body ended, children live) -> FINISHED.
// `aborting` comes at most once, in OPEN or EXITING: by the first failure, by cancel(), or by an outside cancel. It
// cancels every child; from then on createTask throws.
//
// - In OPEN, aborting also cancels the parent task, to end the body's wait (`parentCancelled`); on exit that one cancel
//   is taken back, so the parent's count is what outsiders made it.
// - The parent leaves only when no child is alive, however often it is cancelled meanwhile.
// - An outside cancel with no error of a child comes through as CancelledError; with one, the TaskGroupError comes
//   through and the parent keeps its pending cancel, delivered at its next wait.
import type { Awaitable, Observer } from './awaitable.ts';
import { type CancelReason, CancelledError, InvalidStateError, TaskGroupError } from './errors.ts';
import { reportException } from './exception-handler.ts';
import { Future } from './future.ts';
import { cancellable } from './sleep.ts';
import { checkTaskFunction, inTask, spawn, type Task, type TaskOptions } from './task.ts';
import { makeCancelledError } from './tracing.ts';
import { rejected, takePendingCancel, Wait, type WaitOptions, waiterOf } from './wait.ts';

export interface TaskGroupOptions extends WaitOptions {
  /** Shown in messages. */
  readonly name?: string | undefined;
  /**
   * `cancel` (default): the first failure cancels the others and is thrown. `report`: a child's failure goes to the
   * exception handler and touches nobody else; for supervisors.
   */
  readonly onError?: 'cancel' | 'report' | undefined;
}

export class TaskGroup implements Observer {
  readonly #parent: Task<unknown>;
  readonly #cancelsBefore: number;
  readonly #name: string;
  readonly #report: boolean;
  readonly #children = new Set<Task<unknown>>();
  readonly #errors: unknown[] = [];
  #state: 'open' | 'exiting' | 'finished' = 'open';
  #aborting = false;
  #parentCancelled = false;
  /** cancel() was called: nothing is given, nothing is thrown but errors. */
  #cancelAsked = false;
  /** The parent's wait for its children at the end of the body. */
  #wait: Wait<void> | undefined;

  /** Made by `TaskGroup.run`. @internal */
  constructor(parent: Task<unknown>, options: TaskGroupOptions) {
    this.#parent = parent;
    this.#cancelsBefore = parent.cancelling();
    this.#name = options.name ?? 'TaskGroup';
    this.#report = options.onError === 'report';
  }

  /**
   * Runs `fn` with a new group and waits for all its tasks. The first failure, of a task or of `fn`, cancels the rest;
   * when all have ended, the errors are thrown together.
   * @returns what `fn` returned; undefined after `group.cancel()`
   * @throws TaskGroupError with the errors in completion order, that of `fn` last; CancelledError after an outside cancel
   *
   * @example
   * ```ts
   * import { sleep, TaskGroup } from 'maitre';
   * await TaskGroup.run(async (group) => {
   *   group.createTask(() => sleep(10));
   *   group.createTask(() => sleep(20));
   * }); // here both are done
   * ```
   */
  static async run<T>(fn: (group: TaskGroup) => PromiseLike<T> | T, options: TaskGroupOptions = {}): Promise<T> {
    checkTaskFunction(fn, 'run a task group', 'TaskGroup.run');
    const { onError = 'cancel' } = options;
    if (onError !== 'cancel' && onError !== 'report') {
      throw new RangeError(`Cannot run a task group: onError must be 'cancel' or 'report', got ${String(onError)}`);
    }
    // Without a signal there is nothing for inTask to look at: it is spared the object.
    const wait = options.signal === undefined ? undefined : options;
    return inTask(options.name ?? 'TaskGroup', (parent) => new TaskGroup(parent, options).#run(fn), wait);
  }

  /**
   * Starts a task of the group.
   * @throws InvalidStateError, without running `fn`, once the group is shutting down or finished
   */
  createTask<T>(fn: (task: Task<T>) => T | PromiseLike<T>, options?: TaskOptions): Task<T> {
    checkTaskFunction(fn, 'create task', 'group.createTask');
    this.#checkOpen();
    const { scope } = this.#parent;
    // oxlint-disable-next-line typescript/unbound-method -- only marks where the stack begins
    const below = this.createTask;
    const task = spawn(fn, { name: options?.name, eager: options?.eager, below, scope });
    this.#adopt(task as Task<unknown>);
    return task;
  }

  /**
   * Starts a task that says when it is ready: resolves with the value it passes to `started`, and the task goes on in the
   * group. If it fails before that, the error is thrown here. Cancelling the call cancels the task. trio: `nursery.start`.
   *
   * @example
   * ```ts
   * import { sleep, TaskGroup } from 'maitre';
   * await TaskGroup.run(async (group) => {
   *   const port = await group.start<number>(async (started) => {
   *     started(8002);
   *     await sleep(10);
   *   });
   *   console.log(port);
   * });
   * ```
   */
  async start<T>(
    fn: (started: (value: T) => void) => PromiseLike<void> | void,
    options?: TaskOptions & WaitOptions,
  ): Promise<T> {
    checkTaskFunction(fn, 'start task', 'group.start');
    this.#checkOpen();
    const ready = new Future<T>();
    let hasStarted = false;
    const started = (value: T): void => {
      if (hasStarted) throw new InvalidStateError('Cannot call started: it was called already');
      hasStarted = true;
      ready.answer(value);
    };
    const { scope } = this.#parent;
    // oxlint-disable-next-line typescript/unbound-method -- only marks where the stack begins
    const below = this.start;
    const task = spawn<void>(() => fn(started), { name: options?.name, source: fn, below, scope });
    // Until it is ready, its failure is the starter's; the group only waits for it.
    this.#children.add(task as Task<unknown>);
    task.markObserved();
    task.observe({
      task: this.#parent,
      settled: () => {
        // After started(), or when the starter was cancelled, its end is the group's affair.
        if (ready.done()) this.settled(task);
        else {
          this.#ended(task as Task<unknown>);
          if (task.failed() || task.cancelled()) task.passOutcomeTo(ready as Future<unknown>);
          else ready.fail(new InvalidStateError(`Cannot start ${task.label}: it ended without calling started()`));
        }
      },
    });
    try {
      return await (options?.signal === undefined ? ready : cancellable(ready, options));
    } catch (error) {
      // The starter was cancelled: so is what it waited for. The group waits for its end.
      if (error instanceof CancelledError && !task.done()) {
        ready.cancelWith(error); // a signal cancels the wait alone
        task.cancelWith(error);
      }
      throw error;
    }
  }

  /** Cancels all tasks and the body; `run` then resolves to undefined. Idempotent. asyncio 3.15: `TaskGroup.cancel`. */
  cancel(): void {
    if (this.#state === 'finished') return;
    this.#cancelAsked = true;
    this.#abort();
  }

  /** The parent: who awaits the children, for the call graph. @internal */
  get task(): Task<unknown> {
    return this.#parent;
  }

  /** A child ended. @internal */
  settled(child: Awaitable<unknown>): void {
    if (child.failed()) {
      const error = child.exception();
      if (this.#report) {
        reportException({ message: `${child.label} of ${this.#name} failed`, error, ...child.reportFields() });
      } else {
        this.#errors.push(error);
        this.#abort();
      }
    }
    this.#ended(child as Task<unknown>); // only tasks are observed
  }

  async #run<T>(fn: (group: TaskGroup) => PromiseLike<T> | T): Promise<T> {
    let value: T | undefined;
    let bodyError: { readonly error: unknown } | undefined;
    try {
      value = await fn(this);
    } catch (error) {
      bodyError = { error };
    }
    this.#state = 'exiting';
    let cancelled = bodyError?.error instanceof CancelledError ? bodyError.error : undefined;
    if (bodyError !== undefined) this.#abort();
    while (this.#children.size > 0) {
      try {
        await this.#untilEnded();
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error; // this wait throws nothing else
        cancelled ??= error;
        this.#abort();
      }
    }
    this.#wait = undefined;
    this.#state = 'finished';
    const fromOutside = this.#parentCancelled
      ? !this.#parent.uncancelTo(this.#cancelsBefore)
      : this.#parent.cancelling() > this.#cancelsBefore;
    if (this.#parentCancelled && !fromOutside) cancelled = undefined; // it was the group's own
    if (bodyError !== undefined && !(bodyError.error instanceof CancelledError)) this.#errors.push(bodyError.error);
    if (this.#errors.length > 0) {
      // The errors take the place of an outside cancel that was delivered here, by itself or merged with the group's own:
      // deliver it once more, at the next wait. The count stays.
      if (fromOutside) {
        this.#parent.uncancel();
        this.#parent.cancelWith(cancelled ?? makeCancelledError(undefined, { kind: 'task' }));
      }
      throw new TaskGroupError(this.#errors, groupMessage(this.#name, this.#errors));
    }
    if (cancelled !== undefined) throw cancelled;
    return (this.#cancelAsked ? undefined : value) as T; // after cancel() there is nothing to give
  }

  #untilEnded(): Promise<void> {
    const parent = this.#parent;
    const pending = takePendingCancel(parent);
    if (pending !== undefined) return rejected(pending);
    // Where there is no ambient task, the parent's signal says whose wait this is.
    const options = waiterOf(undefined) === parent ? undefined : { signal: parent.signal };
    this.#wait = new Wait<void>('task group', this, options);
    return this.#wait.promise;
  }

  #adopt(task: Task<unknown>): void {
    task.markObserved();
    this.#children.add(task);
    if (task.done()) this.settled(task); // it was eager
    else {
      task.observe(this);
      // An eager task may have ended the group in its first step.
      if (this.#aborting) this.#cancelChild(task);
    }
  }

  #ended(child: Task<unknown>): void {
    this.#children.delete(child);
    if (this.#children.size === 0) this.#wait?.answer();
  }

  #abort(): void {
    if (this.#aborting) return;
    this.#aborting = true;
    for (const child of this.#children) this.#cancelChild(child);
    if (this.#state !== 'open') return;
    this.#parentCancelled = true;
    this.#parent.cancelFor(`Cancelled: ${this.#name} is shutting down`, this.#reason());
  }

  #cancelChild(child: Task<unknown>): void {
    child.cancelFor(`Cancelled: ${this.#name} is shutting down`, this.#reason());
  }

  #reason(): CancelReason {
    return { kind: 'group', by: this };
  }

  #checkOpen(): void {
    if (this.#state === 'finished') throw new InvalidStateError(`Cannot create task: ${this.#name} is finished`);
    if (this.#aborting) throw new InvalidStateError(`Cannot create task: ${this.#name} is shutting down`);
  }
}

function groupMessage(name: string, errors: readonly unknown[]): string {
  const first = errors[0] instanceof Error ? `${errors[0].name}: ${errors[0].message}` : String(errors[0]);
  return `${errors.length} unhandled error${errors.length === 1 ? '' : 's'} in ${name}: ${first}${errors.length > 1 ? ', ...' : ''}`;
}
