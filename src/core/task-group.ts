// A group of tasks with one end: the code that starts them waits for them. Semantics:
// asyncio.TaskGroup (3.13, `cancel` 3.15), with a scope of its own (scope.ts).
//
// States: OPEN (the body runs) -> EXITING (the body ended, children live) -> FINISHED. `aborting`
// comes at most once, in OPEN or EXITING: by the first failure, by `cancel()`, or by an outside
// cancel. It cancels every child. From then on `createTask` throws.
//
// - In OPEN, aborting also cancels the group's scope, which ends the waits of the body and nothing
//   beside them (`scopeCancelled`).
// - The call settles only when no child is alive, however often it is cancelled meanwhile.
// - A cancel from around the group (the scope's `outside`) goes on outwards as a CancelledError if
//   no child failed. If a child failed, the call rejects with a TaskGroupError instead, and the
//   cancel is kept for the scopes around the group.
//
// Example: a cancel from outside while a child fails. `timeout(10, () => TaskGroup.run(g => ...))`
// expires while the body waits:
// 1. The timeout's scope is cancelled. The group's scope now has outside = 1, and the wait of the
//    body rejects.
// 2. The body ends with the CancelledError, and the group aborts: it cancels its children. One of
//    them throws in its cleanup.
// 3. All children have ended. The call rejects with a TaskGroupError, and keepAround keeps the
//    timeout's cancel in the timeout's scope.
// 4. The timeout's body ends with the TaskGroupError. Its scope closes and drops the kept cancel,
//    and the caller sees the error.
//
// Had the task been cancelled instead of the timeout, step 3 would have kept the cancel in the
// task, and the next wait of the task would have rejected with it.
import { type Check, describeThrown, oneOf } from '../base/index.ts';
import type { Awaitable } from './awaitable.ts';
import { passCancel } from './cancel-pass.ts';
import { creationSite } from './creation-site.ts';
import { rejected, quiet, scopeOf, signalOf, waiting, type WaitOptions } from './current-waiter.ts';
import { type CancelReason, CancelledError, InvalidStateError, TaskGroupError } from './errors.ts';
import { reportException } from './exception-handler.ts';
import { Future } from './future.ts';
import { closeScope, InnerScope, keepAround, runInScope, type Scope, takeKept } from './scope.ts';
import { cancellable } from './sleep.ts';
import { checkTaskFunction, inTask, spawn, type Task, type TaskOptions } from './task.ts';
import { makeCancelledError } from './tracing.ts';
import { Wait } from './wait.ts';

const errorPolicy: Check = oneOf('cancel or report');

/** Options of `TaskGroup.run`. */
export interface TaskGroupOptions extends WaitOptions {
  /** The name in messages. Default: `TaskGroup`. */
  readonly name?: string | undefined;
  /**
   * What a failure of a child does. `cancel` (default): the first failure cancels the other tasks
   * and the body, and `run` rejects. `report`: the failure goes to the exception handler and
   * affects nothing else; for supervisors.
   */
  readonly errors?: 'cancel' | 'report' | undefined;
}

/**
 * A group of tasks, passed to the body of `TaskGroup.run`, which waits for all of them. asyncio:
 * `TaskGroup`; trio: `Nursery`.
 *
 * @example
 * ```ts
 * import { sleep, TaskGroup } from 'maitre';
 * const total = await TaskGroup.run(async (group) => {
 *   const a = group.createTask(() => sleep(10, 1));
 *   const b = group.createTask(() => sleep(20, 2));
 *   return (await a) + (await b);
 * });
 * console.log(total); // 3
 * ```
 */
export class TaskGroup {
  readonly #scope: InnerScope;
  readonly #name: string;
  readonly #report: boolean;
  /** Those that have not ended. */
  readonly #children = new Set<Task<unknown>>();
  /** What children threw, in the order in which they ended. The error of the body comes last. */
  readonly #errors: unknown[] = [];
  #state: 'open' | 'exiting' | 'finished' = 'open';
  #aborting = false;
  /** The group cancelled its own scope, to end the body. */
  #scopeCancelled = false;
  /** `cancel()` was called: `run` resolves to undefined, or rejects with errors of children. */
  #cancelAsked = false;
  /** The cancellation that ended the body or the wait for the children. */
  #cancelled: CancelledError | undefined = undefined;
  /** What the body threw; undefined if it threw nothing. */
  #bodyError: { readonly error: unknown } | undefined = undefined;
  /** The wait for the children at the end of the body; undefined at other times. */
  #wait: Wait<void> | undefined;

  private constructor(outer: Scope, options: TaskGroupOptions) {
    this.#scope = new InnerScope(outer);
    this.#name = options.name ?? 'TaskGroup';
    this.#report = options.errors === 'report';
  }

  /**
   * Runs `fn` with a new group and waits for all its tasks. The first failure, of a task or of
   * `fn`, cancels the rest. When all have ended, the call rejects with all errors together. A
   * cancel of the call cancels all tasks, and the call rejects once they have ended. Outside of a
   * task, `fn` runs in a task of its own.
   * @param fn the body, called with the group; what it awaits is in the scope of the group
   * @param options `name`, `errors`, and `signal`: an AbortSignal that cancels the call
   * @returns what `fn` returned; undefined after `group.cancel()`
   * @throws TaskGroupError with the errors in the order in which the tasks ended, that of `fn`
   *   last; CancelledError after a cancel from outside, if no task failed; TypeError or RangeError
   *   for a wrong `fn` or option
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
  static run<T>(fn: (group: TaskGroup) => PromiseLike<T> | T, options: TaskGroupOptions = {}): Promise<T> {
    try {
      checkTaskFunction(fn, 'run a task group', 'TaskGroup.run');
      checkErrors(options);
      // Without a signal, inTask need not look at the options.
      const wait = options.signal === undefined ? undefined : options;
      return inTask(options.name ?? 'TaskGroup', (outer) => new TaskGroup(outer, options).#run(fn), wait);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Starts a task of the group. The group waits for it, and cancels it when the group aborts.
   * asyncio: `TaskGroup.create_task`.
   * @param fn called once, with the task
   * @param options `name` and `eager`, as for `createTask`
   * @returns the task; you may await it, and its failure counts as handled by the group
   * @throws InvalidStateError once the group is shutting down or finished, and `fn` does not run
   *   then; TypeError unless `fn` is a function
   *
   *
   * @example
   * ```ts
   * import { sleep, TaskGroup } from 'maitre';
   * await TaskGroup.run((group) => {
   *   group.createTask(() => sleep(10), { name: 'soup' });
   * });
   * ```
   */
  createTask<T>(fn: (task: Task<T>) => T | PromiseLike<T>, options?: TaskOptions): Task<T> {
    checkTaskFunction(fn, 'create task', 'group.createTask');
    this.#checkOpen();
    const owner = this.#scope;
    // oxlint-disable-next-line typescript/unbound-method -- only marks where the stack begins
    const site = creationSite(fn, this.createTask);
    const task = spawn(fn, { name: options?.name, eager: options?.eager, site, program: owner.program, owner });
    this.#adopt(task as Task<unknown>);
    return task;
  }

  /**
   * Starts a task of the group that reports when it is ready. The call resolves to the value that
   * the task passes to `started`. The task goes on in the group. trio: `nursery.start`.
   * @param fn called once, with `started`, which it must call once
   * @param options `name`, and `signal`: an AbortSignal that cancels the call
   * @returns a promise; cancelling the wait for it cancels the task
   * @throws what the task threw before it called `started`; InvalidStateError if the task ended
   *   without calling it, and once the group is shutting down or finished
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
  start<T>(
    fn: (started: (value: T) => void) => PromiseLike<void> | void,
    options?: Omit<TaskOptions, 'eager'> & WaitOptions,
  ): Promise<T> {
    return waiting(this.#start(fn, options));
  }

  async #start<T>(
    fn: (started: (value: T) => void) => PromiseLike<void> | void,
    options: (Omit<TaskOptions, 'eager'> & WaitOptions) | undefined,
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
    const owner = this.#scope;
    // oxlint-disable-next-line typescript/unbound-method -- only marks where the stack begins
    const site = creationSite(fn, this.start);
    const { program } = owner;
    const task = spawn<void>(() => fn(started), { name: options?.name, site, program, owner });
    // Until it is ready, its failure goes to the caller of start(). The group only waits for its
    // end.
    this.#children.add(task as Task<unknown>);
    task.markHandled();
    task.subscribe({
      task: owner.task,
      settled: () => {
        // After started(), or once the caller was cancelled, its outcome goes to the group.
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
      // The caller was cancelled, so the task is cancelled too. The group waits for its end.
      if (error instanceof CancelledError && !task.done()) {
        ready.cancelWith(error); // a signal has cancelled the wait alone
        task.cancelWith(error);
      }
      throw error;
    }
  }

  /**
   * Cancels all tasks and the body. `run` then resolves to undefined, unless a task fails.
   * Idempotent. asyncio 3.15: `TaskGroup.cancel`.
   *
   * @example
   * ```ts
   * import { sleep, TaskGroup } from 'maitre';
   * await TaskGroup.run(async (group) => {
   *   group.createTask(() => sleep(60_000));
   *   await sleep(10);
   *   group.cancel();
   * });
   * console.log('the group has ended');
   * ```
   */
  cancel(): void {
    if (this.#state === 'finished') return;
    this.#cancelAsked = true;
    this.#abort();
  }

  /**
   * An AbortSignal for foreign APIs. It aborts when the group shuts down or something around it is
   * cancelled, and never after the group has ended. See `Timeout.signal`.
   */
  get signal(): AbortSignal {
    return signalOf(this.#scope);
  }

  /** `<TaskGroup "fetchers" open, 3 tasks>`, for logs. */
  toString(): string {
    const name = this.#name === 'TaskGroup' ? '' : ` ${JSON.stringify(this.#name)}`;
    return `<TaskGroup${name} ${this.#state}, ${this.#children.size} tasks>`;
  }

  /** The task that awaits the children, for the call graph. @internal */
  get task(): Task<unknown> {
    return this.#scope.task as Task<unknown>; // only tasks have scopes
  }

  /** A child has ended. @internal */
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
    this.#ended(child as Task<unknown>); // the group subscribes only to tasks
  }

  #run<T>(fn: (group: TaskGroup) => PromiseLike<T> | T): Promise<T> {
    const call = new Promise<T>((resolve, reject) => {
      const end = (value: T | undefined): void => {
        this.#state = 'exiting';
        if (this.#bodyError !== undefined) this.#abort();
        this.#whenEnded(() => {
          const failure = this.#finish();
          // After cancel() there is nothing to return.
          if (failure === undefined) resolve((this.#cancelAsked ? undefined : value) as T);
          else {
            if (failure.error instanceof CancelledError) quiet(call);
            reject(failure.error);
          }
        });
      };
      const fail = (error: unknown): void => {
        this.#bodyError = { error };
        if (error instanceof CancelledError) this.#cancelled = error;
        end(undefined);
      };
      runInScope(this.#scope, fn, this, end, fail);
    });
    return call;
  }

  /** Calls `fn` when no child is alive, however often the wait for that is cancelled. */
  #whenEnded(fn: () => void): void {
    if (this.#children.size === 0) {
      fn();
      return;
    }
    this.#untilEnded().then(
      () => this.#whenEnded(fn),
      (error: CancelledError) => {
        this.#cancelled ??= error; // this wait rejects with nothing else
        this.#abort();
        this.#whenEnded(fn);
      },
    );
  }

  #untilEnded(): Promise<void> {
    const scope = this.#scope;
    const kept = takeKept(scope);
    if (kept !== undefined) return rejected(kept);
    // Where there is no ambient task, the signal of the scope makes this a wait of the scope.
    const options = scopeOf(undefined) === scope ? undefined : { signal: signalOf(scope) };
    this.#wait = new Wait<void>('task group', this, options);
    return this.#wait.promise;
  }

  /** Closes the scope. Returns what `run` rejects with; undefined for nothing. */
  #finish(): { readonly error: unknown } | undefined {
    this.#wait = undefined;
    this.#state = 'finished';
    closeScope(this.#scope);
    const fromOutside = this.#scope.outside > 0;
    // The group's own cancel ends here.
    const cancelled = this.#scopeCancelled && !fromOutside ? undefined : this.#cancelled;
    const bodyError = this.#bodyError;
    if (bodyError !== undefined && !(bodyError.error instanceof CancelledError)) this.#errors.push(bodyError.error);
    if (this.#errors.length > 0) {
      // The errors replace an outside cancel, which came here by itself or together with the
      // group's own.
      if (fromOutside) keepAround(this.#scope, cancelled ?? makeCancelledError(undefined, { kind: 'task' }));
      return { error: new TaskGroupError(this.#errors, groupMessage(this.#name, this.#errors)) };
    }
    return cancelled === undefined ? undefined : { error: cancelled };
  }

  #adopt(task: Task<unknown>): void {
    task.markHandled();
    this.#children.add(task);
    if (task.done()) this.settled(task); // an eager task may have ended already
    else {
      task.subscribe(this);
      // An eager task may have aborted the group in its first step.
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
    this.#scopeCancelled = true;
    passCancel(this.#scope, this.#error());
  }

  #cancelChild(child: Task<unknown>): void {
    child.cancelWith(this.#error());
  }

  #error(): CancelledError {
    const reason: CancelReason = { kind: 'group', by: this };
    return makeCancelledError(`Cancelled: ${this.#name} is shutting down`, reason);
  }

  #checkOpen(): void {
    if (this.#state === 'finished') throw new InvalidStateError(`Cannot create task: ${this.#name} is finished`);
    if (this.#aborting) throw new InvalidStateError(`Cannot create task: ${this.#name} is shutting down`);
  }
}

function checkErrors(options: TaskGroupOptions): void {
  errorPolicy('run a task group', 'errors', options.errors ?? 'cancel');
}

function groupMessage(name: string, errors: readonly unknown[]): string {
  const first = describeThrown(errors[0]);
  return `${errors.length} unhandled error${errors.length === 1 ? '' : 's'} in ${name}: ${first}${errors.length > 1 ? ', ...' : ''}`;
}
