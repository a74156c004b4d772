// A group of tasks with one end: whoever starts them waits for them. Semantics: asyncio.TaskGroup (3.13, `cancel` 3.15), with a
// scope of its own (scope.ts).
//
// States: OPEN (the body runs) -> EXITING (the body ended, children live) -> FINISHED.
// `aborting` comes at most once, in OPEN or EXITING: by the first failure, by cancel(), or by an outside cancel. It
// cancels every child; from then on createTask throws.
//
// - In OPEN, aborting also cancels the group's scope, to end the waits of the body (`scopeCancelled`), and nothing beside them.
// - The caller leaves only when no child is alive, however often it is cancelled meanwhile.
// - A cancel that comes from around the group (the scope's `outside`) and finds no error of a child comes through as
//   CancelledError. With one, the TaskGroupError comes through, and the cancel is kept for the scopes around the group.
//
// An example, a cancel from outside while a child fails: `timeout(10, () => TaskGroup.run(g => ...))` expires: the timeout's scope
// is cancelled, so the group's scope has outside = 1 and its body's wait is rejected. The group aborts: its children are
// cancelled; one of them throws in its cleanup. All have ended: the TaskGroupError is thrown, and the timeout's cancel is kept in
// the timeout's scope, which drops it when it closes: what the caller sees is the error. Had somebody cancelled the task instead,
// the kept cancel would be met by the task's next wait.
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

export interface TaskGroupOptions extends WaitOptions {
  /** Shown in messages. */
  readonly name?: string | undefined;
  /**
   * `cancel` (default): the first failure cancels the others and is thrown. `report`: a child's failure goes to the
   * exception handler and touches nobody else; for supervisors.
   */
  readonly errors?: 'cancel' | 'report' | undefined;
}

export class TaskGroup {
  readonly #scope: InnerScope;
  readonly #name: string;
  readonly #report: boolean;
  readonly #children = new Set<Task<unknown>>();
  readonly #errors: unknown[] = [];
  #state: 'open' | 'exiting' | 'finished' = 'open';
  #aborting = false;
  #scopeCancelled = false;
  /** cancel() was called: nothing is returned, nothing is thrown but errors. */
  #cancelAsked = false;
  /** The cancellation that the body or the wait for the children ended with. */
  #cancelled: CancelledError | undefined = undefined;
  /** What the body threw, if it did. */
  #bodyError: { readonly error: unknown } | undefined = undefined;
  /** The wait for the children at the end of the body. */
  #wait: Wait<void> | undefined;

  private constructor(outer: Scope, options: TaskGroupOptions) {
    this.#scope = new InnerScope(outer);
    this.#name = options.name ?? 'TaskGroup';
    this.#report = options.errors === 'report';
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
  static run<T>(fn: (group: TaskGroup) => PromiseLike<T> | T, options: TaskGroupOptions = {}): Promise<T> {
    try {
      checkTaskFunction(fn, 'run a task group', 'TaskGroup.run');
      checkErrors(options);
      // Without a signal there is nothing for inTask to look at: it is spared the object.
      const wait = options.signal === undefined ? undefined : options;
      return inTask(options.name ?? 'TaskGroup', (outer) => new TaskGroup(outer, options).#run(fn), wait);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Starts a task of the group.
   * @throws InvalidStateError, without running `fn`, once the group is shutting down or finished
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
  start<T>(
    fn: (started: (value: T) => void) => PromiseLike<void> | void,
    options?: TaskOptions & WaitOptions,
  ): Promise<T> {
    return waiting(this.#start(fn, options));
  }

  async #start<T>(
    fn: (started: (value: T) => void) => PromiseLike<void> | void,
    options: (TaskOptions & WaitOptions) | undefined,
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
    // Until it is ready, its failure is the starter's; the group only waits for it.
    this.#children.add(task as Task<unknown>);
    task.markHandled();
    task.subscribe({
      task: owner.task,
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

  /** Aborts when the group shuts down or something around it is cancelled; never after it has ended. See `Timeout.signal`. */
  get signal(): AbortSignal {
    return signalOf(this.#scope);
  }

  /** `<TaskGroup "fetchers" open, 3 tasks>`, for logs. */
  toString(): string {
    const name = this.#name === 'TaskGroup' ? '' : ` ${JSON.stringify(this.#name)}`;
    return `<TaskGroup${name} ${this.#state}, ${this.#children.size} tasks>`;
  }

  /** Who awaits the children, for the call graph. @internal */
  get task(): Task<unknown> {
    return this.#scope.task as Task<unknown>; // only tasks have scopes
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
    this.#ended(child as Task<unknown>); // only tasks are subscribed to
  }

  #run<T>(fn: (group: TaskGroup) => PromiseLike<T> | T): Promise<T> {
    const call = new Promise<T>((resolve, reject) => {
      const end = (value: T | undefined): void => {
        this.#state = 'exiting';
        if (this.#bodyError !== undefined) this.#abort();
        this.#whenEnded(() => {
          const failure = this.#finish();
          if (failure === undefined) resolve((this.#cancelAsked ? undefined : value) as T); // after cancel() there is nothing to return
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
        this.#cancelled ??= error; // this wait throws nothing else
        this.#abort();
        this.#whenEnded(fn);
      },
    );
  }

  #untilEnded(): Promise<void> {
    const scope = this.#scope;
    const kept = takeKept(scope);
    if (kept !== undefined) return rejected(kept);
    // Where there is no ambient task, the scope's signal says whose wait this is.
    const options = scopeOf(undefined) === scope ? undefined : { signal: signalOf(scope) };
    this.#wait = new Wait<void>('task group', this, options);
    return this.#wait.promise;
  }

  /** Closes the scope and says what is thrown, if anything is. */
  #finish(): { readonly error: unknown } | undefined {
    this.#wait = undefined;
    this.#state = 'finished';
    closeScope(this.#scope);
    const fromOutside = this.#scope.outside > 0;
    const cancelled = this.#scopeCancelled && !fromOutside ? undefined : this.#cancelled; // it was the group's own
    const bodyError = this.#bodyError;
    if (bodyError !== undefined && !(bodyError.error instanceof CancelledError)) this.#errors.push(bodyError.error);
    if (this.#errors.length > 0) {
      // They take the place of an outside cancel that was delivered here, by itself or merged with the group's own.
      if (fromOutside) keepAround(this.#scope, cancelled ?? makeCancelledError(undefined, { kind: 'task' }));
      return { error: new TaskGroupError(this.#errors, groupMessage(this.#name, this.#errors)) };
    }
    return cancelled === undefined ? undefined : { error: cancelled };
  }

  #adopt(task: Task<unknown>): void {
    task.markHandled();
    this.#children.add(task);
    if (task.done()) this.settled(task); // it was eager
    else {
      task.subscribe(this);
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
