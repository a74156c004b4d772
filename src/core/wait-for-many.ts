// Waiting for several tasks without owning them: `wait` and `asCompleted`. Neither cancels what it
// waits for. Semantics: asyncio.wait and asyncio.as_completed.
//
// Both are built on `untilDone`, which makes one ManyWait for all awaitables. Its states are those
// of every wait (wait.ts). While it is WAITING, it is subscribed to every pending awaitable and may
// be in the heap of deadlines. The step that decides it undoes both.
//
// Who receives the errors of the tasks:
// - `wait` receives those of the tasks that are done when it resolves. The errors of the others are
//   reported as if it had never waited.
// - `asCompleted` receives the error of each task that it yields. While the loop runs, the pending
//   tasks count as awaited. When the loop ends or is cancelled, their errors are reported.
// - `run` and `asCompleted` pass `handles` as false, because they count the receivers themselves.
//
// Example: `wait([a, b], { returnWhen: 'FIRST_COMPLETED' })`, and `a` fails. `a` calls `settled`,
// which answers the wait and unsubscribes from `b`. At delivery, `take` marks the error of `a` as
// handled, and takes the claim on `b` back. If the caller is cancelled between these two steps,
// `withdraw` takes both claims back, and the error of `a` is reported.
import { AsyncIteration, type Check, type Deadline, oneOf } from '../base/index.ts';
import { Awaitable, type Subscriber } from './awaitable.ts';
import { checkMs, loopTime } from './clock.ts';
import { beginWait, mayAnswer, waiting, type WaitOptions } from './current-waiter.ts';
import { addDeadline, deleteDeadline } from './deadlines.ts';
import { TimeoutError } from './errors.ts';
import { addSoon } from './turn.ts';
import { answeredWait, Wait } from './wait.ts';

/** When `wait` returns. asyncio: the constants of the same names. */
export type ReturnWhen = 'ALL_COMPLETED' | 'FIRST_COMPLETED' | 'FIRST_EXCEPTION';

/**
 * One wait for many awaitables. It subscribes to each pending one, and unsubscribes from all when
 * it is decided, in whichever way. It is answered when `#missing` reaches zero, by a failure under
 * FIRST_EXCEPTION, or by the deadline.
 */
class ManyWait extends Wait<void> implements Subscriber, Deadline {
  when: number;
  slot = -1;
  order = 0;
  /** Those that were pending when it began. */
  readonly #awaited: Awaitable<unknown>[];
  readonly #returnWhen: ReturnWhen;
  /** How many must still end. */
  #missing: number;
  /**
   * The waiting code receives the errors of those that fail meanwhile, so they count as handled.
   */
  readonly #handles: boolean;

  constructor(
    pending: Awaitable<unknown>[],
    returnWhen: ReturnWhen,
    timeout: number | undefined,
    kind: string,
    options: WaitOptions | undefined,
    handles: boolean,
  ) {
    super(kind, pending, options);
    this.#handles = handles;
    this.#awaited = pending;
    this.#returnWhen = returnWhen;
    this.#missing = returnWhen === 'FIRST_COMPLETED' ? 1 : pending.length;
    this.when = loopTime() + (timeout ?? Infinity);
    for (const awaitable of pending) {
      awaitable.subscribe(this);
      if (handles) awaitable.countTaker(1);
    }
    if (timeout !== undefined && timeout <= 0) addSoon(this);
    else if (this.when !== Infinity) addDeadline(this);
  }

  /** One of the awaitables has ended. */
  settled(awaitable: Awaitable<unknown>): void {
    this.#missing--;
    const failed = this.#returnWhen === 'FIRST_EXCEPTION' && awaitable.failed();
    if (this.#missing === 0 || failed) this.#decide();
  }

  due(): void {
    this.#decide();
  }

  /** Answers the wait, and unsubscribes from the others. */
  #decide(): void {
    if (this.answer()) this.#leave();
  }

  /** The value of the wait is undefined. */
  override answer(): boolean {
    return super.answer(undefined);
  }

  /**
   * Runs at delivery. The waiting code receives the outcomes of those that are done. It no longer
   * waits for the others.
   */
  protected override take(): void {
    if (!this.#handles) return;
    for (const awaitable of this.#awaited) {
      if (awaitable.done()) awaitable.markHandled();
      else awaitable.countTaker(-1);
    }
  }

  /** Also after an answer: the waiting code does not receive the errors of those that failed. */
  protected override withdraw(): void {
    this.#leave();
    if (this.#handles) for (const awaitable of this.#awaited) awaitable.countTaker(-1);
  }

  /** Undoes what the constructor registered. Idempotent. */
  #leave(): void {
    deleteDeadline(this);
    for (const awaitable of this.#awaited) awaitable.unsubscribe(this);
  }
}

/**
 * Waits until `returnWhen` holds for the awaitables or the time is over. `wait`, `asCompleted`,
 * `waitFor` and `run` use it.
 * @param timeout milliseconds; undefined for no limit
 * @param handles false if errors of those that fail are to be reported all the same
 */
export function untilDone(
  awaitables: Iterable<Awaitable<unknown>>,
  returnWhen: ReturnWhen,
  timeout: number | undefined,
  kind: string,
  options: WaitOptions | undefined,
  handles = true,
): Promise<void> {
  const refused = beginWait(options);
  if (refused !== undefined) return refused;
  const pending: Awaitable<unknown>[] = [];
  // Those that are done already can decide the call at once.
  for (const awaitable of awaitables) {
    if (!awaitable.done()) pending.push(awaitable);
    else if (returnWhen === 'FIRST_COMPLETED' || (returnWhen === 'FIRST_EXCEPTION' && awaitable.failed())) {
      pending.length = 0;
      break;
    }
  }
  if (pending.length > 0) return new ManyWait(pending, returnWhen, timeout, kind, options, handles).promise;
  return mayAnswer(options) ? Promise.resolve() : answeredWait(kind, pending, undefined, options);
}

const condition: Check = oneOf('ALL_COMPLETED, FIRST_COMPLETED or FIRST_EXCEPTION');

/** Options of `wait`. */
export interface WaitForManyOptions extends WaitOptions {
  /** Milliseconds, after which the call resolves to what is done so far. Default: no limit. */
  readonly timeout?: number | undefined;
  /**
   * When the call resolves. Default: `ALL_COMPLETED`. For `FIRST_EXCEPTION`, a cancelled task does
   * not count as an exception.
   */
  readonly returnWhen?: ReturnWhen | undefined;
}

/**
 * Waits for tasks, and resolves to those that are done and those that are not. It never rejects for
 * a failure of a task or for the timeout, and it never cancels a task. The call can be cancelled,
 * which leaves the tasks alone. asyncio: `wait`.
 * @param tasks Tasks and Futures, at least one
 * @param options `returnWhen`, `timeout` in milliseconds, and `signal`
 * @throws CancelledError; TypeError for anything but Tasks and Futures; RangeError for an empty
 *   list
 *
 * @example
 * ```ts
 * import { createTask, sleep, wait } from 'maitre';
 * const slow = createTask(() => sleep(1000));
 * const fast = createTask(() => sleep(1));
 * const { done, pending } = await wait([slow, fast], { returnWhen: 'FIRST_COMPLETED' });
 * console.log(done.has(fast), pending.has(slow));
 * slow.cancel();
 * ```
 */
export function wait<A extends Awaitable<unknown>>(
  tasks: Iterable<A>,
  options: WaitForManyOptions = {},
): Promise<{ done: Set<A>; pending: Set<A> }> {
  return waiting(waitForTasks(tasks, options));
}

/** `wait`, as an async function: argument errors become rejections. */
async function waitForTasks<A extends Awaitable<unknown>>(
  tasks: Iterable<A>,
  options: WaitForManyOptions,
): Promise<{ done: Set<A>; pending: Set<A> }> {
  const { returnWhen = 'ALL_COMPLETED', timeout } = options;
  const all = checkAwaitables(tasks, 'wait');
  if (all.size === 0) throw new RangeError('Cannot wait: expected at least one Task or Future, got none');
  condition('wait', 'returnWhen', returnWhen);
  if (timeout !== undefined) checkMs(timeout, 'wait');
  await untilDone(all, returnWhen, timeout, 'wait', options.signal === undefined ? undefined : options);
  const done = new Set<A>();
  const pending = new Set<A>();
  for (const task of all) {
    if (!task.done()) pending.add(task);
    else {
      task.markHandled(); // also those that were done before; errors of pending ones have no receiver here any more
      done.add(task);
    }
  }
  return { done, pending };
}

/**
 * What `asCompleted` returns: an async iterator of tasks. It is an interface of its own because
 * TypeScript types `for await` over an `AsyncIterable<Task<T>>` as if it yielded `T`, while it
 * yields the tasks.
 */
export interface CompletionIterator<A> extends AsyncDisposable {
  next(): Promise<IteratorResult<A, undefined>>;
  return(): Promise<IteratorResult<A, undefined>>;
  [Symbol.asyncIterator](): CompletionIterator<A>;
}

/**
 * Yields the tasks one by one, in the order in which they end. Each step of the loop is a
 * cancellation point. Cancelling or leaving the loop does not cancel the tasks. asyncio:
 * `as_completed`, the form for `async for`.
 * @param tasks Tasks and Futures
 * @param options `timeout`: milliseconds for the whole loop; `signal`: an AbortSignal that cancels
 *   a step
 * @throws TimeoutError from the iteration when the timeout is over; TypeError for anything but
 *   Tasks and Futures
 *
 * @example
 * ```ts
 * import { asCompleted, createTask, sleep } from 'maitre';
 * const tasks = [30, 10, 20].map((ms) => createTask(() => sleep(ms, ms)));
 * for await (const task of asCompleted(tasks)) console.log(task.result()); // 10, 20, 30
 * ```
 */
export function asCompleted<A extends Awaitable<unknown>>(
  tasks: Iterable<A>,
  options: WaitOptions & { readonly timeout?: number | undefined } = {},
): CompletionIterator<A> {
  const pending = checkAwaitables(tasks, 'asCompleted');
  if (options.timeout !== undefined) checkMs(options.timeout, 'asCompleted');
  return new Completions(pending, options.timeout, options.signal === undefined ? undefined : options);
}

/**
 * The iterator of asCompleted. An async generator would await the tasks that it yields, and yield
 * their results.
 */
class Completions<A extends Awaitable<unknown>> extends AsyncIteration<A> implements CompletionIterator<A>, Subscriber {
  /** All tasks, those that have ended included. */
  readonly #all: Set<A>;
  /** Those that have ended, in that order, even if two end in one turn. */
  readonly #ended: A[] = [];
  /** How many of `#ended` were yielded. */
  #given = 0;
  /**
   * True while the loop goes on, as far as is known: it will receive the errors of those that fail.
   */
  #listens = false;
  /** As passed, in milliseconds, for the message. */
  readonly #timeout: number | undefined;
  /** When the timeout is over, in milliseconds on the loop's clock; undefined for never. */
  readonly #until: number | undefined;
  readonly #options: WaitOptions | undefined;

  constructor(all: Set<A>, timeout: number | undefined, options: WaitOptions | undefined) {
    super();
    this.#all = all;
    this.#timeout = timeout;
    this.#until = timeout === undefined ? undefined : loopTime() + timeout;
    this.#options = options;
    for (const task of all) {
      if (task.done()) this.settled(task);
      else task.subscribe(this);
    }
    this.#listen(true);
  }

  /** A task has ended: `#take` yields it when its turn comes. */
  settled(task: Awaitable<unknown>): void {
    this.#ended.push(task as A); // only members of #all are subscribed to
  }

  protected override step(): Promise<IteratorResult<A, undefined>> {
    this.#listen(true);
    return waiting(this.#take());
  }

  // A cancelled loop does not call next() again, and does not call return() either. If it does call
  // next(), it counts as a receiver again.
  #listen(listens: boolean): void {
    if (this.#listens === listens) return;
    this.#listens = listens;
    for (const task of this.#all) task.countTaker(listens ? 1 : -1);
  }

  /** Returns the next task that has ended. Its error has a receiver now. */
  #give(): A {
    const task = this.#ended[this.#given++] as A; // the caller tested that there is one
    task.markHandled();
    return task;
  }

  /** Waits for the next task that ends. */
  async #take(): Promise<IteratorResult<A, undefined>> {
    const refused = beginWait(this.#options);
    if (refused !== undefined) {
      this.#listen(false);
      return refused;
    }
    // A loop, because another next() can take what this one waited for.
    for (let late = false; ; late = this.#until !== undefined && loopTime() >= this.#until) {
      if (this.#given === this.#all.size) return { done: true, value: undefined };
      if (this.#given < this.#ended.length) return { done: false, value: this.#give() };
      const pending = [...this.#all].filter((task) => !task.done());
      // The timeout is tested last: tasks that have ended by then are yielded first.
      if (late) {
        await this.return();
        throw new TimeoutError(
          `Timed out: ${this.#timeout} ms passed with ${pending.length} of ${this.#all.size} tasks pending`,
        );
      }
      const left = this.#until === undefined ? undefined : this.#until - loopTime();
      try {
        await untilDone(pending, 'FIRST_COMPLETED', left, 'asCompleted', this.#options, false);
      } catch (error) {
        this.#listen(false);
        throw error;
      }
    }
  }

  /** The tasks go on. */
  protected override end(): void {
    for (const task of this.#all) task.unsubscribe(this);
    this.#listen(false);
    this.#given = this.#all.size;
  }
}

/** Returns the tasks without duplicates. Throws a TypeError for anything but Tasks and Futures. */
function checkAwaitables<A extends Awaitable<unknown>>(tasks: Iterable<A>, name: string): Set<A> {
  const all = new Set(tasks);
  for (const task of all) {
    if (task instanceof Awaitable) continue;
    throw new TypeError(
      `Cannot ${name}: expected Tasks and Futures, got ${typeof task}; wrap it: createTask(() => work())`,
    );
  }
  return all;
}
