// A task: an async function that runs beside others and can be cancelled. Semantics: asyncio.Task.
//
// States: created --(a later microtask; at once when eager)--> running --(its function settles)--> result | exception |
// cancelled. While running it stands at zero or more waits, in its own scope and those open inside it (scope.ts).
//
// Cancellation is counted and edge-triggered:
// - cancel() adds one to `cancelling()` and goes to every wait the task stands at. If no wait takes it, it is kept and thrown at
//   the next waiting call: a native async function cannot be interrupted from outside.
// - A task cancelled before its first step never runs. One that ends with a kept cancel still pending is cancelled.
// - uncancel() subtracts one, and drops what is kept where no cancel stands any more.
// - timeout() and TaskGroup cancel scopes of their own: they count in `cancelling()` until their body has ended, as in asyncio.
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

export interface TaskOptions {
  /** Shown in messages and by tools; `Task-N` when absent. */
  readonly name?: string | undefined;
  /** Runs the function up to its first wait before `createTask` returns. Default: it starts in a later microtask. */
  readonly eager?: boolean | undefined;
}

/** What createTask's callers in other rooms may say more than users. */
export interface SpawnOptions extends Omit<TaskOptions, 'name' | 'eager'> {
  /** As for users; `inline`: eager, in the caller's own context, for a task that stands for a part of the caller. */
  readonly eager?: boolean | 'inline' | undefined;
  /** The name, or who gives it when it is first asked for. */
  readonly name?: string | { readonly taskName: string } | undefined;
  /** The run() it belongs to; by default that of the current task. */
  readonly program?: object | undefined;
  /** The scope that it is a part of: of its group, or of the caller whom it stands for. */
  readonly owner?: Scope | undefined;
  /** Where it was created; undefined: nowhere that users would look. See creationSite(). */
  readonly site?: Site | undefined;
}

/** A list of the tasks' own links. A Set of what comes and goes so fast is remade all the time, which keeps garbage alive. */
const live = new LinkedSet<Task<unknown>>();
const started = Promise.resolve();
let lastId = 0;
/** Calls a task's function; set by the class, called in the task's context. A function of its own so that no start makes a closure. */
let runBody: (task: Task<unknown>) => void;
let begin: (task: Task<unknown>) => void; // set by the class
/** createTask for other rooms; set by the class. */
export let spawn: <T>(fn: (task: Task<T>) => T | PromiseLike<T>, options: SpawnOptions) => Task<T>;

/** The start of a task while steps are measured: it is delivered like a wait, so that its first step is told apart. */
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

export class Task<T> extends Awaitable<T> {
  /** Unique in its thread, counting from 1. */
  readonly id: number = ++lastId;

  // Its place among the live tasks, written by LinkedSet alone.
  /** @internal */
  previous: Linked | undefined = undefined;
  /** @internal */
  next: Linked | undefined = undefined;
  /** @internal */
  list: object | undefined = undefined;

  // Its own scope: see scope.ts, which alone writes these.
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

  /** The run() it belongs to: what that waits for at its end. @internal */
  readonly program: object | undefined;
  /** The scope of the group it belongs to; undefined for none. @internal */
  readonly owner: Scope | undefined;
  #name: string | { readonly taskName: string } | undefined;
  readonly #site: Site | undefined;
  /** Undefined once it was called. */
  #fn: ((task: Task<T>) => T | PromiseLike<T>) | undefined;

  private constructor(fn: (task: Task<T>) => T | PromiseLike<T>, options: SpawnOptions) {
    super();
    this.#fn = fn;
    this.#name = options.name;
    this.#site = options.site;
    const creator = host.carrier.getStore() as Carried | undefined; // only scopes and runs are carried
    this.program = options.program ?? creator?.program;
    this.owner = options.owner;
    live.add(this as Task<unknown>);
    hooks.taskStarted?.(this, openScope(creator)?.task);
    if (options.eager === 'inline') this.#begin();
    else if (options.eager === true) this.#beginApart();
    else if (hooks.stepEnded !== undefined) deliverSoon(new Start(this as Task<unknown>));
    else void started.then(() => this.#begin()); // a reaction runs in the context of this call, as the function should
  }

  /** Shown in messages and by tools. */
  get name(): string {
    const name = this.#name;
    return (this.#name = typeof name === 'object' ? name.taskName : (name ?? `Task-${this.id}`));
  }

  set name(name: string) {
    this.#name = name;
  }

  /**
   * Of its innermost open scope, where the task itself reads it; of the whole task, where somebody else does. It aborts with the
   * cancel of that scope or of one around it, never with that of one inside, and never after the scope has ended. For foreign APIs
   * that take a signal. When no cancel stands any more, a new read returns a fresh one; a signal once read never goes back.
   * Passing it to a waiting call of maitre makes that a wait of this scope, also where there is no ambient task.
   */
  get signal(): AbortSignal {
    const scope = currentScope();
    return signalOf(scope?.task === (this as unknown) ? (scope as Scope) : this); // a scope that has this task
  }

  /** How many cancels were asked for and not taken back by `uncancel()`; those of its timeouts and groups count while these are open. */
  cancelling(): number {
    return this.cancels;
  }

  /**
   * Takes one cancel back, for code that meant it to end only a part of the task and has stopped it from going further.
   * Where no cancel stands any more, one that no wait has taken yet is dropped, and an answer that it overruled stands.
   * @returns the cancels that remain
   */
  uncancel(): number {
    return uncancelTask(this);
  }

  /** @internal */
  override applyCancel(error: CancelledError): void {
    if (!this.done()) cancelTree(this, error);
  }

  /** Where it waits now, innermost first: the frames of its latest wait. Empty unless tracing is on and it waits. */
  stack(): string[] {
    return formatFrames(waitsOf(this)[0]?.site);
  }

  /** Where `createTask` was called, one frame; undefined if the host cannot tell. */
  get createdAt(): string | undefined {
    return formatFrames(this.#site)[0];
  }

  /** True when `createdAt` is what its function's text suggests, and was not recorded. */
  get createdAtGuessed(): boolean {
    return isGuessed(this.#site);
  }

  override get label(): string {
    return `Task "${this.name}"`;
  }

  // What the task's own scope has no need of: nothing is around it.
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

  /** #begin, so that what the function does to its context stays there: `enterWith` on hosts where a store outlives its `run`. */
  #beginApart(): void {
    if (host.enterWithLeaks) host.captureContext()(() => this.#begin());
    else this.#begin();
  }

  static {
    begin = (task): void => task.#begin();
    spawn = (fn, options) => new Task(fn, options);
    runBody = (task): void => {
      const fn = task.#fn as (task: Task<unknown>) => unknown; // #begin comes once
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
    // Asked to end and never came to a wait: the cancel wins, as in asyncio.
    if (this.kept !== undefined) this.#end('cancelled', this.kept);
    else this.#end('done', value);
  }

  #fail(error: unknown): void {
    this.#end(error instanceof CancelledError ? 'cancelled' : 'failed', error);
  }

  #end(state: 'done' | 'failed' | 'cancelled', outcome: unknown): void {
    if (this.done()) return; // a thenable of others may call more than once
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

/** The task whose code is running; undefined outside of tasks and on hosts without a carrier. asyncio: `current_task`. */
export function currentTask(): Task<unknown> | undefined {
  const task = currentScope()?.task as Task<unknown> | undefined; // only tasks have scopes
  return task === undefined || task.done() ? undefined : task;
}

/** All tasks that are not done. The set is a snapshot; live tasks are held strongly. asyncio: `all_tasks`. */
export function allTasks(): ReadonlySet<Task<unknown>> {
  return new Set(live);
}

/** The live tasks themselves, for loops that do not change them. */
export function liveTasks(): Iterable<Task<unknown>> {
  return live;
}

/**
 * Starts `fn` as a task: beside the caller, cancellable, reported if it fails and nobody awaits it. It starts in a later
 * microtask, or at once with `eager`. `fn` receives the task, for hosts without an ambient one. asyncio: `create_task`.
 * @throws TypeError when given a promise: it would have started before the task existed
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
  // The site is taken here: in a call in tail position, as that of spawn is, Bun's engine has dropped this frame already.
  const site = creationSite(fn, createTask);
  return spawn(fn, { name: options?.name, eager: options?.eager, site });
}

/** All waits of a task, those of its own scope first, the latest first. */
export function waitsOf(task: TaskRecord): Wait<unknown>[] {
  return [...waitsIn(task as Task<unknown>)] as Wait<unknown>[]; // there are no other tasks, and only waits are linked
}

// A primitive that a task waits for is a live resource.
setWaitedFor(function* () {
  for (const task of live) for (const wait of waitsIn(task)) yield (wait as Wait<unknown>).resource; // as above
});

/**
 * Calls `fn` once, when the innermost scope of the code that runs has ended; outside of tasks never. Disposing the result takes
 * that back. `fn` must not throw.
 */
export function atScopeEnd(fn: () => void): Disposable {
  const scope = currentScope();
  if (scope instanceof InnerScope) {
    const entry = { fn };
    const closers = (scope.closers ??= new Set());
    closers.add(entry);
    return disposable(() => closers.delete(entry));
  }
  const task = scope as Task<unknown> | undefined; // a scope that is no inner one
  const subscriber = { settled: fn };
  task?.subscribe(subscriber);
  return disposable(() => task?.unsubscribe(subscriber));
}

/**
 * Runs `fn` in the current task, with the scope to open another one in: what has a scope of its own (timeout, TaskGroup) stands on
 * it. Outside of tasks, or with a foreign signal, `fn` gets a task of its own, which the signal cancels.
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
  if (signal.aborted) own.cancelWith(signalError(signal)); // in the eager first step
  const unlisten = onAbort(signal, (error) => own.cancelWith(error));
  own.subscribe({ settled: unlisten });
  if (own.done()) unlisten();
  return own.outcome();
}

/** Throws the TypeError that shows both spellings when `fn` is a promise or no function at all. */
export function checkTaskFunction(fn: unknown, action: string, name: string): void {
  if (typeof fn === 'function') return;
  if (isThenable(fn)) {
    // Its failure would otherwise be reported a second time, as an unhandled rejection.
    fn.then(undefined, () => undefined);
    throw new TypeError(
      `Cannot ${action}: expected a function, got a promise (it is already running)\n` +
        `    ${name}(fetchAll())         // starts before the task exists\n` +
        `    ${name}(() => fetchAll())   // what you want`,
    );
  }
  throw wrongValue(action, '', 'a function', fn);
}
