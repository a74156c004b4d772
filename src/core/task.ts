// A task: an async function that runs beside others and can be cancelled. Semantics: asyncio.Task.
//
// States: CREATED --(a later microtask; at once when eager)--> RUNNING --(its function settles)-->
// DONE. A task cancelled in CREATED goes to DONE and never runs its function.
// - RUNNING: the task stands at zero or more waits, in its own scope and in the scopes open inside
//   it (scope.ts).
// - DONE: the outcome is a result, an exception, or a CancelledError. It never changes again.
//
// Cancellation is counted and edge-triggered:
// - `cancel()` adds one to `cancelling()` and reaches every wait at which the task stands. If no
//   wait takes the cancel, the task keeps it, and the next waiting call rejects with it. Nothing
//   can interrupt a native async function from outside.
// - A task that ends while it keeps a cancel ends as cancelled, whatever its function returned.
// - `uncancel()` subtracts one. Where no cancel stands any more, it drops the kept cancel.
// - `timeout()` and TaskGroup cancel scopes of their own. Their cancels count in `cancelling()`
//   until their body has ended, as in asyncio.
//
// Example: task A awaits task B, and B awaits `sleep(1000)`. `A.cancel()` reaches A's wait for B,
// which passes the cancel on to B, which cancels the sleep. B's function catches the
// CancelledError, cleans up and rethrows. B ends as cancelled, and A's `await` rejects. Had B
// swallowed the error and returned 1, A's `await` would have resolved to 1.
import { disposable, type Linked, LinkedSet, wrongValue } from '../base/index.ts';
import { Awaitable } from './awaitable.ts';
import { creationSite, isGuessed } from './creation-site.ts';
import {
  beginWait,
  foreignSignal,
  onAbort,
  scopeOf,
  signalError,
  signalOf,
  type WaitOptions,
} from './current-waiter.ts';
import { type Delivery, deliverSoon } from './delivery.ts';
import { CancelledError } from './errors.ts';
import type { ExceptionContext } from './exception-handler.ts';
import { host } from './host.ts';
import * as hooks from './instrument.ts';
import type { TaskRecord } from './records.ts';
import { setWaitedFor } from './resource.ts';
import {
  cancelTree,
  type Carried,
  currentScope,
  InnerScope,
  keep,
  openScope,
  type Scope,
  type ScopedTask,
  type ScopedWait,
  uncancelTask,
  waitsIn,
} from './scope.ts';
import { formatFrames, type Site } from './tracing.ts';
import type { Wait } from './wait.ts';

/** Options of `createTask` and `group.createTask`. */
export interface TaskOptions {
  /** The name in messages and tools. Default: `Task-N`, N being the task's `id`. */
  readonly name?: string | undefined;
  /**
   * If true, the function runs up to its first wait before `createTask` returns. Default: false, it
   * starts in a later microtask.
   */
  readonly eager?: boolean | undefined;
}

/** Options of `spawn`: what other rooms can set in addition to TaskOptions. */
export interface SpawnOptions extends Omit<TaskOptions, 'name' | 'eager'> {
  /**
   * As in TaskOptions. `inline` is eager, in the caller's own context: for a task that stands for a
   * part of the caller. `outside` is eager too, but does not put the task into the context: for a
   * function that does so itself, around the part of it that is to run in the task.
   */
  readonly eager?: boolean | 'inline' | 'outside' | undefined;
  /** The name, or an object that computes it when it is first read. */
  readonly name?: string | { readonly taskName: string } | undefined;
  /** The run() to which the task belongs. Default: that of the current task. */
  readonly program?: object | undefined;
  /** The scope to which it belongs: that of its group, or that of the caller for whom it stands. */
  readonly owner?: Scope | undefined;
  /** Where it was created, from creationSite(). If undefined, no site is recorded. */
  readonly site?: Site | undefined;
}

/**
 * All tasks that are not done. The links are fields of the tasks. A Set whose members come and go
 * this fast rehashes all the time, which keeps garbage alive.
 */
const live = new LinkedSet<Task<unknown>>();
const started = Promise.resolve();
let lastId = 0;
/**
 * Calls a task's function, in the task's context. The class sets it. It is one shared function, so
 * that no start allocates a closure.
 */
let runBody: (task: Task<unknown>) => void;
let begin: (task: Task<unknown>) => void; // set by the class
/** createTask for other rooms. The class sets it. */
export let spawn: <T>(fn: (task: Task<T>) => T | PromiseLike<T>, options: SpawnOptions) => Task<T>;

/**
 * The start of a task while steps are measured. It is delivered like a wait, so that the first step
 * can be timed by itself.
 */
class Start implements Delivery {
  readonly task: Task<unknown>;
  readonly record = undefined;
  readonly #inContext: <R>(fn: () => R) => R = host.captureContext();

  constructor(task: Task<unknown>) {
    this.task = task;
  }

  deliver(): void {
    this.#inContext(() => begin(this.task));
  }
}

/**
 * A running async function: awaitable, cancellable, with a name and an owner. Make one with
 * `createTask` or `group.createTask`. Awaiting a task is a cancellation point, and cancels the
 * awaited task when the awaiting one is cancelled. asyncio: `Task`.
 *
 * @example
 * ```ts
 * import { createTask, sleep } from 'maitre';
 * const task = createTask(() => sleep(60_000), { name: 'slow' });
 * task.cancel('the kitchen is closing');
 * await task.catch((error) => console.log(String(error)));
 * console.log(task.cancelled()); // true
 * ```
 */
export class Task<T> extends Awaitable<T> {
  /** Unique in its thread, counting from 1. */
  readonly id: number = ++lastId;
  // Core writes none of these three. The instrument of introspect does, while somebody wants to know.
  /** Deliveries to it since that instrument counts. @internal */
  steps = 0;
  /**
   * When it was created, in whole milliseconds on the loop's clock; -1 if unknown. @internal
   */
  startedAt = -1;
  /** The id of the task that created it; 0 if there was none, or unknown. @internal */
  creatorId = 0;

  // Its place in `live`. Only LinkedSet writes these three.
  /** @internal */
  previous: Linked | undefined = undefined;
  /** @internal */
  next: Linked | undefined = undefined;
  /** @internal */
  list: object | undefined = undefined;

  // The fields of its own scope. Only scope.ts writes them and documents them.
  /** @internal */
  waits: ScopedWait | undefined = undefined;
  /** @internal */
  inner: InnerScope | undefined = undefined;
  /** @internal */
  kept: CancelledError | undefined = undefined;
  /** @internal */
  cancels = 0;
  /** @internal */
  ownCancels = 0;
  /** @internal */
  standing: CancelledError | undefined = undefined;
  /** @internal */
  controller: AbortController | undefined = undefined;

  /** The run() to which it belongs, and which waits for it at its end. @internal */
  readonly program: object | undefined;
  /** The scope of the group to which it belongs; undefined for none. @internal */
  readonly owner: Scope | undefined;
  #name: string | { readonly taskName: string } | undefined;
  /** Where it was created, unformatted. @internal */
  readonly site: Site | undefined;
  /** Undefined once the function was called, so that the task does not keep its closure alive. */
  #fn: ((task: Task<T>) => T | PromiseLike<T>) | undefined;

  private constructor(fn: (task: Task<T>) => T | PromiseLike<T>, options: SpawnOptions) {
    super();
    this.#fn = fn;
    this.#name = options.name;
    this.site = options.site;
    const creator = host.carrier.getStore() as Carried | undefined; // the carrier holds only scopes and runs
    this.program = options.program ?? creator?.program;
    this.owner = options.owner;
    live.add(this as Task<unknown>);
    hooks.taskStarted?.(this, openScope(creator)?.task);
    if (options.eager === 'outside') runBody(this as Task<unknown>);
    // On hosts where a store outlives its `run`, an `enterWith` of the function would reach the caller.
    else if (options.eager === true && host.enterWithLeaks) host.captureContext()(() => this.#begin());
    else if (options.eager) this.#begin();
    else if (hooks.stepEnded !== undefined) deliverSoon(new Start(this as Task<unknown>));
    // A promise reaction runs in the context of this call, as the function should.
    else void started.then(() => this.#begin());
  }

  /** The name in messages and tools. */
  get name(): string {
    const name = this.#name;
    return (this.#name = typeof name === 'object' ? name.taskName : (name ?? `Task-${this.id}`));
  }

  set name(name: string) {
    this.#name = name;
  }

  /** The name, if it needs no computing. @internal */
  get knownName(): string | undefined {
    return typeof this.#name === 'object' ? undefined : this.name;
  }

  /**
   * An AbortSignal for foreign APIs. Read by the task itself, it is the signal of the task's
   * innermost open scope. Read by other code, it is the signal of the whole task.
   *
   * The signal aborts with the cancel of its scope or of a scope around it. It does not abort with
   * the cancel of a scope inside, and not after its scope has ended. A signal never returns to not
   * aborted: once no cancel stands any more, a new read returns a fresh signal.
   *
   * Where there is no ambient task (browsers), pass it to a waiting call of maitre. That call then
   * waits in this scope.
   */
  get signal(): AbortSignal {
    const scope = currentScope();
    return signalOf(scope?.task === (this as unknown) ? (scope as Scope) : this); // such a scope belongs to this task
  }

  /**
   * The number of cancels that `uncancel()` has not taken back. Cancels of its timeouts and groups
   * count while these are open. asyncio: `Task.cancelling`.
   */
  cancelling(): number {
    return this.cancels;
  }

  /**
   * Takes one cancel back. Call it in code that cancelled the task to end only a part of it, and
   * that has stopped the cancel from going further. Where no cancel stands any more, a kept cancel
   * is dropped, and an answer that the cancel overruled stands. asyncio: `Task.uncancel`.
   * @returns the number of cancels that remain
   */
  uncancel(): number {
    return uncancelTask(this);
  }

  /** @internal */
  override applyCancel(error: CancelledError): void {
    if (!this.done()) cancelTree(this, error);
  }

  /**
   * The frames of its latest wait, innermost first. Empty unless tracing is on (`run(main, { debug:
   * true })`) and the task waits. asyncio: `Task.get_stack`.
   */
  stack(): string[] {
    return formatFrames(waitsOf(this)[0]?.site);
  }

  /** The frame that called `createTask`; undefined if the host cannot tell. */
  get createdAt(): string | undefined {
    return formatFrames(this.site)[0];
  }

  /** True if `createdAt` was guessed from the source text of the function, and not recorded. */
  get createdAtGuessed(): boolean {
    return isGuessed(this.site);
  }

  override get label(): string {
    return `Task "${this.name}"`;
  }

  // The rest of the Scope interface. Nothing is around a task's own scope, so these are constants.
  /** @internal */
  get task(): ScopedTask {
    return this;
  }
  /** @internal */
  get outer(): undefined {
    return undefined;
  }
  /** @internal */
  get isOpen(): boolean {
    return !this.done();
  }
  /** @internal */
  get outside(): number {
    return 0;
  }
  /** @internal */
  get outsideOfTask(): number {
    return 0;
  }
  /** @internal */
  get deadline(): number {
    return Infinity;
  }

  /** @internal */
  override reportFields(): Partial<ExceptionContext> {
    const { createdAt, createdAtGuessed } = this;
    const task = this as Task<unknown>;
    return createdAt === undefined ? { task } : { task, createdAt, createdAtGuessed };
  }

  override toString(): string {
    const waits = waitsOf(this as Task<unknown>)
      .map((wait) => wait.kind)
      .join(' and ');
    return `${super.toString().slice(0, -1)}${waits && `, waits for ${waits}`}>`;
  }

  #begin(): void {
    if (this.kept !== undefined) {
      this.#fn = undefined;
      this.#end('cancelled', this.kept);
      return;
    }
    host.carrier.run(this, runBody, this as Task<unknown>);
  }

  static {
    begin = (task): void => task.#begin();
    spawn = (fn, options) => new Task(fn, options);
    runBody = (task): void => {
      const fn = task.#fn as (task: Task<unknown>) => unknown; // `#begin` runs once
      task.#fn = undefined;
      try {
        const value = fn(task);
        if (isThenable(value))
          value.then(
            (result) => task.#succeed(result),
            (error) => task.#fail(error),
          );
        else task.#succeed(value);
      } catch (error) {
        task.#fail(error);
      }
    };
  }

  #succeed(value: unknown): void {
    // The task was cancelled and came to no wait after that. The cancel wins, as in asyncio.
    if (this.kept !== undefined) this.#end('cancelled', this.kept);
    else this.#end('done', value);
  }

  #fail(error: unknown): void {
    this.#end(error instanceof CancelledError ? 'cancelled' : 'failed', error);
  }

  #end(state: 'done' | 'failed' | 'cancelled', outcome: unknown): void {
    if (this.done()) return; // a thenable that maitre did not make may call back more than once
    keep(this, undefined);
    live.delete(this as Task<unknown>);
    this.settle(state, outcome);
    hooks.taskEnded?.(this);
  }
}

function isThenable<T>(value: PromiseLike<T> | T): value is PromiseLike<T> {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

/**
 * Returns the task whose code is running; undefined outside of tasks, and on hosts without a
 * carrier (browsers). asyncio: `current_task`.
 *
 * @example
 * ```ts
 * import { createTask, currentTask } from 'maitre';
 * await createTask(() => console.log(currentTask()?.name), { name: 'cook' });
 * console.log(currentTask());
 * ```
 */
export function currentTask(): Task<unknown> | undefined {
  const task = currentScope()?.task as Task<unknown> | undefined; // only tasks have scopes
  return task === undefined || task.done() ? undefined : task;
}

/**
 * Returns all tasks that are not done, as a snapshot. A live task is held strongly, so it is never
 * collected as garbage before its end. asyncio: `all_tasks`.
 *
 * @example
 * ```ts
 * import { allTasks, createTask, sleep } from 'maitre';
 * const task = createTask(() => sleep(10), { name: 'short' });
 * console.log(allTasks().has(task));
 * await task;
 * ```
 */
export function allTasks(): ReadonlySet<Task<unknown>> {
  return new Set(live);
}

/** The live tasks without a copy. The loop must not start or end tasks. */
export function liveTasks(): Iterable<Task<unknown>> {
  return live;
}

/**
 * Starts `fn` as a task that runs beside the caller. It starts in a later microtask, or at once
 * with `eager`. A task that fails and that nobody awaits is reported to the exception handler.
 * Prefer `group.createTask`: a group waits for its tasks and cancels them together. asyncio:
 * `create_task`.
 * @param fn called once, with the task: pass `task.signal` on where there is no ambient task
 * @param options `name`: the name in messages; `eager`: whether `fn` runs up to its first wait
 *   before this returns
 * @returns the task; awaiting it is a cancellation point
 * @throws TypeError for a promise in place of a function: its work would have started before the
 *   task existed
 *
 * @example
 * ```ts
 * import { createTask, sleep } from 'maitre';
 * const task = createTask(async () => {
 *   await sleep(10);
 *   return 42;
 * }, { name: 'answer' });
 * console.log(await task);
 * ```
 */
export function createTask<T>(fn: (task: Task<T>) => T | PromiseLike<T>, options?: TaskOptions): Task<T> {
  checkTaskFunction(fn, 'create task', 'createTask');
  // The site is captured here. spawn is in tail position, and Bun's engine drops this frame when it
  // calls it.
  const site = creationSite(fn, createTask);
  return spawn(fn, { name: options?.name, eager: options?.eager, site });
}

/**
 * Returns all waits of a task: the waits of its own scope first, and within a scope the latest
 * first.
 */
export function waitsOf(task: TaskRecord): Wait<unknown>[] {
  return [...waitsIn(task as Task<unknown>)] as Wait<unknown>[]; // there are no other tasks, and only waits are linked
}

// A primitive for which a task waits is a live resource.
setWaitedFor(function* () {
  for (const task of live) for (const wait of waitsIn(task)) yield (wait as Wait<unknown>).resource; // as in waitsOf
});

/**
 * Returns an undo that runs by itself when a scope ends, or at once if it has ended: the innermost
 * scope of the running code, or one that was the innermost at an earlier call of `currentScope`.
 * It runs once, then or when it is disposed, whichever comes first. Outside of tasks only disposing
 * it calls `undo`, which must not throw.
 */
export function atScopeEnd(undo: () => void, of: Scope | undefined = currentScope()): Disposable {
  const scope = of as InnerScope | Task<unknown> | undefined; // there is no third kind
  const end = { settled: (): void => result[Symbol.dispose]() };
  const result = disposable(() => {
    if (scope instanceof InnerScope) scope.closers?.delete(end);
    else scope?.unsubscribe(end);
    undo();
  });
  if (scope?.isOpen === false) end.settled();
  else if (scope instanceof InnerScope) (scope.closers ??= new Set()).add(end);
  else scope?.subscribe(end);
  return result;
}

/**
 * Runs `fn` in the current task and passes it the scope in which to open another one. `timeout` and
 * TaskGroup are built on it. Outside of tasks, or with a foreign signal, `fn` runs in a task of its
 * own, which the signal cancels.
 */
export function inTask<T>(
  name: string,
  fn: (scope: Scope) => Promise<T>,
  options: WaitOptions | undefined,
): Promise<T> {
  const refused = beginWait(options);
  if (refused !== undefined) return refused;
  const current = scopeOf(options);
  const signal = foreignSignal(options);
  if (current !== undefined && signal === undefined) return fn(current);
  const own = spawn<T>((task) => fn(task), { name, eager: 'inline', owner: current });
  if (signal === undefined) return own.outcome();
  if (signal.aborted) own.cancelWith(signalError(signal)); // `fn` aborted it in its eager first step
  const unlisten = onAbort(signal, (error) => own.cancelWith(error));
  own.subscribe({ settled: unlisten });
  if (own.done()) unlisten();
  return own.outcome();
}

/** Throws unless `fn` is a function. For a promise, the TypeError shows both spellings. */
export function checkTaskFunction(fn: unknown, action: string, name: string): void {
  if (typeof fn === 'function') return;
  if (isThenable(fn)) {
    // Without a handler its failure would be reported a second time, as an unhandled rejection.
    fn.then(undefined, () => undefined);
    throw new TypeError(
      `Cannot ${action}: expected a function, got a promise (it is already running)\n` +
        `    ${name}(fetchAll())         // starts before the task exists\n` +
        `    ${name}(() => fetchAll())   // what you want`,
    );
  }
  throw wrongValue(action, '', 'a function', fn);
}
