// A task: an async function that runs beside others and can be cancelled. Semantics: asyncio.Task.
//
// States: created --(a later microtask; at once when eager)--> running --(its function settles)--> result | exception |
// cancelled. While running it stands at zero or more waits (`waits`; several after Promise.all).
//
// Cancellation is counted and edge-triggered:
// - cancel() adds one to `cancelling()` and goes to every wait the task stands at. If no wait takes it, it is kept
//   (`pendingCancel`) and thrown at the next waiting call: a native async function cannot be interrupted from outside.
// - A task cancelled before its first step never runs. One that ends with a kept cancel still pending is cancelled.
// - uncancel() subtracts one; at zero it also drops a kept cancel. timeout() and TaskGroup use the count to tell their
//   own cancels from others'.
import { describe } from '../base/index.ts';
import { Awaitable } from './awaitable.ts';
import { creationSite } from './creation-site.ts';
import { CancelledError } from './errors.ts';
import type { ExceptionContext } from './exception-handler.ts';
import { host } from './host.ts';
import { instrument } from './instrument.ts';
import { formatFrames, type Site } from './tracing.ts';
import {
  bindSignal,
  checkpoint,
  foreignSignal,
  onAbort,
  setPendingCancel,
  signalError,
  type Wait,
  type Waiter,
  type WaitOptions,
  waiterOf,
  waitsOf,
} from './wait.ts';

export interface TaskOptions {
  /** Shown in messages and by tools; `Task-N` when absent. */
  readonly name?: string | undefined;
  /** Runs the function up to its first wait before `createTask` returns. Default: it starts in a later microtask. */
  readonly eager?: boolean | undefined;
}

/** What createTask's callers in other rooms may say more than users. */
export interface SpawnOptions extends Omit<TaskOptions, 'name'> {
  /** The name, or who gives it when it is first asked for. */
  readonly name?: string | { readonly taskName: string } | undefined;
  /** The run() it belongs to; by default that of the current task. */
  readonly scope?: object | undefined;
  /** The user's function, where `fn` is one around it: its text stands for the creation site. */
  readonly source?: ((...args: never[]) => unknown) | undefined;
  /** Whose caller is the creation site; undefined: none is recorded. */
  readonly below?: ((...args: never[]) => unknown) | undefined;
}

const live = new Set<Task<unknown>>();
const started = Promise.resolve();
let lastId = 0;
/** Calls a task's function; set by the class, called in the task's context. A function of its own so that no start makes a closure. */
let runBody: (task: Task<unknown>) => void;

export class Task<T> extends Awaitable<T> implements Waiter {
  /** Unique in the process, counting from 1. */
  readonly id: number = ++lastId;
  /** The first of its waits. Written by Wait alone. @internal */
  waits: Wait<unknown> | undefined = undefined;
  /** A cancel that found no wait. Written through setPendingCancel alone. @internal */
  pendingCancel: CancelledError | undefined = undefined;
  /** The run() it belongs to: what that waits for at its end. @internal */
  readonly scope: object | undefined;
  #name: string | { readonly taskName: string } | undefined;
  #cancels = 0;
  /** The first cancellation that reached it: what `signal` was or will be aborted with. */
  #firstCancel: CancelledError | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  readonly #site: Site | undefined;
  /** Undefined once it was called. */
  #fn: ((task: Task<T>) => T | PromiseLike<T>) | undefined;

  /** Made by `createTask`. @internal */
  constructor(fn: (task: Task<T>) => T | PromiseLike<T>, options: SpawnOptions) {
    super();
    this.#fn = fn;
    this.#name = options.name;
    this.#site = options.below === undefined ? undefined : creationSite(options.source ?? fn, options.below);
    const parent = host.carrier.getStore() as Task<unknown> | undefined; // only #begin puts stores in
    this.scope = options.scope ?? parent?.scope;
    live.add(this as Task<unknown>);
    instrument?.taskStarted?.(this as Task<unknown>);
    if (options.eager === true) this.#begin();
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
   * Aborts with the first cancel, and never goes back: for foreign APIs that take a signal. Made when first read.
   * Passing it to a waiting call of maitre makes that a wait of this task, also where there is no ambient task.
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      bindSignal(this.#controller.signal, this);
      if (this.#firstCancel !== undefined) this.#controller.abort(this.#firstCancel);
    }
    return this.#controller.signal;
  }

  /** How many cancels were asked for and not taken back by `uncancel()`. */
  cancelling(): number {
    return this.#cancels;
  }

  /**
   * Takes one cancel back, for code that meant it to end only a part of the task and has stopped it from going further.
   * At zero a cancel that no wait has taken yet is dropped.
   * @returns the cancels that remain
   */
  uncancel(): number {
    if (this.#cancels > 0) this.#cancels--;
    if (this.#cancels === 0) setPendingCancel(this, undefined);
    return this.#cancels;
  }

  /**
   * `uncancel` for a part of the task that had cancelled it once: true if nobody else has cancelled since the count was
   * `before`. Then a cancel that no wait has taken yet was that part's own, and ends with it. @internal
   */
  uncancelTo(before: number): boolean {
    if (this.uncancel() > before) return false;
    setPendingCancel(this, undefined);
    return true;
  }

  /** @internal */
  override cancelWith(error: CancelledError): boolean {
    if (this.done()) return false;
    this.#cancels++;
    if (this.#firstCancel === undefined) {
      this.#firstCancel = error;
      this.#controller?.abort(error);
    }
    let taken = false;
    for (let wait = this.waits; wait !== undefined;) {
      const next: Wait<unknown> | undefined = wait.nextOfTask; // a cancel may settle things, but never unlinks in this step
      if (wait.cancel(error)) taken = true;
      wait = next;
    }
    if (!taken) setPendingCancel(this, error);
    return true;
  }

  /** Where it waits now, innermost first: the frames of its latest wait. Empty unless tracing is on and it waits. */
  stack(): string[] {
    return formatFrames(this.waits?.site);
  }

  /** Where `createTask` was called, one frame; undefined if the host cannot tell. @internal */
  get createdAt(): string | undefined {
    return formatFrames(this.#site)[0];
  }

  /** @internal */
  override get label(): string {
    return `Task "${this.name}"`;
  }

  /** @internal */
  override reportFields(): Partial<ExceptionContext> {
    const createdAt = this.createdAt;
    return { task: this as Task<unknown>, ...(createdAt === undefined ? {} : { createdAt }) };
  }

  override toString(): string {
    const waits = waitsOf(this as Task<unknown>).map((wait) => wait.kind);
    const state = this.done() ? (this.cancelled() ? 'cancelled' : 'done') : 'pending';
    return `<${this.label} ${state}${waits.length === 0 ? '' : `, waits for ${waits.join(' and ')}`}>`;
  }

  #begin(): void {
    if (this.pendingCancel !== undefined) {
      this.#fn = undefined;
      this.#end('cancelled', this.pendingCancel);
      return;
    }
    host.carrier.run(this, runBody, this as Task<unknown>);
  }

  static {
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
    if (this.pendingCancel !== undefined) this.#end('cancelled', this.pendingCancel);
    else this.#end('result', value);
  }

  #fail(error: unknown): void {
    this.#end(error instanceof CancelledError ? 'cancelled' : 'exception', error);
  }

  #end(state: 'result' | 'exception' | 'cancelled', outcome: unknown): void {
    setPendingCancel(this, undefined);
    live.delete(this as Task<unknown>);
    this.settle(state, outcome);
    instrument?.taskEnded?.(this as Task<unknown>);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}

/** The task whose code is running; undefined outside of tasks and on hosts without a carrier. asyncio: `current_task`. */
export function currentTask(): Task<unknown> | undefined {
  const task = host.carrier.getStore() as Task<unknown> | undefined; // only #begin puts stores in
  return task === undefined || task.done() ? undefined : task;
}

/** All tasks that are not done. The set is a snapshot; live tasks are held strongly. asyncio: `all_tasks`. */
export function allTasks(): ReadonlySet<Task<unknown>> {
  return new Set(live);
}

/** The live tasks themselves, for loops that do not change them. */
export function liveTasks(): ReadonlySet<Task<unknown>> {
  return live;
}

/**
 * Starts `fn` as a task: beside the caller, cancellable, reported if it fails and nobody awaits it. It starts in a later
 * microtask, or at once with `eager`. The task is given to `fn` for hosts without an ambient task. asyncio: `create_task`.
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
  return new Task(fn, { name: options?.name, eager: options?.eager, below: createTask });
}

/** createTask for other rooms. */
export function spawn<T>(fn: (task: Task<T>) => T | PromiseLike<T>, options: SpawnOptions): Task<T> {
  return new Task(fn, options);
}

/**
 * Runs `fn` in the current task: what needs a cancel count (timeout, TaskGroup) stands on it. Outside of tasks, or with a
 * signal that is not the task's own, `fn` gets a task of its own, which the signal cancels.
 */
export function inTask<T>(
  name: string,
  fn: (task: Task<unknown>) => Promise<T>,
  options: WaitOptions | undefined,
): Promise<T> {
  const refused = checkpoint(options);
  if (refused !== undefined) return refused;
  const current = waiterOf(options) as Task<unknown> | undefined; // only tasks are waiters
  const signal = foreignSignal(options);
  if (current !== undefined && signal === undefined) return fn(current);
  const own = spawn<T>((task) => fn(task as Task<unknown>), { name, eager: true });
  if (signal === undefined) return own.then();
  if (signal.aborted) own.cancelWith(signalError(signal)); // in the eager first step
  const unlisten = onAbort(signal, (error) => own.cancelWith(error));
  return own.finally(unlisten);
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
  throw new TypeError(`Cannot ${action}: expected a function, got ${describe(fn)}`);
}
