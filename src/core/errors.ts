// The error classes. There is one for each thing that a caller does next, each with a stable
// `code`. docs/errors.md lists them, and a test keeps both lists equal. A value of a wrong type
// throws a plain TypeError, a value out of range a plain RangeError.
import { wrongValue } from '../base/index.ts';

/** Who cancelled, and how: the `reason` of a CancelledError. */
export interface CancelReason {
  /**
   * What cancelled. `shutdown` is the end of `run()` or of a server; `reload` is the end of a server
   * that another one replaces; `signal` is an AbortSignal or a process signal; `disconnect` is a
   * client that left before it had its answer.
   */
  readonly kind: 'task' | 'timeout' | 'group' | 'race' | 'signal' | 'shutdown' | 'reload' | 'disconnect';
  /**
   * The task, Timeout, TaskGroup, AbortSignal, Server, Connection, or name of the process signal; undefined if
   * the caller was outside of any task.
   */
  readonly by?: unknown;
}

/**
 * The base of the classes. `value instanceof Class` answers for any value: users can throw a
 * revoked Proxy, for which a plain `instanceof` throws.
 */
class OwnError extends Error {
  static override [Symbol.hasInstance](value: unknown): boolean {
    try {
      return Function.prototype[Symbol.hasInstance].call(this, value);
    } catch {
      return false;
    }
  }
}

/**
 * Rejects the wait of a cancelled task. Let it pass, or clean up and rethrow it. If you swallow it,
 * the task goes on. It has a stack only while tracing is on (`run(main, { debug: true })`).
 * asyncio: `CancelledError`.
 *
 * @example
 * ```ts
 * import { CancelledError, createTask, sleep } from 'maitre';
 * const task = createTask(async () => {
 *   try {
 *     await sleep(60_000);
 *   } catch (error) {
 *     if (error instanceof CancelledError) console.log(error.message, error.reason.kind);
 *     throw error;
 *   }
 * }, { eager: true });
 * task.cancel('no more guests');
 * await task.catch(() => undefined);
 * ```
 */
export class CancelledError extends OwnError {
  override readonly name = 'CancelledError';
  readonly code = 'ERR_CANCELLED';
  /** Who cancelled. */
  readonly reason: CancelReason;

  constructor(message = 'Task was cancelled', options: ErrorOptions & { readonly reason?: CancelReason } = {}) {
    super(message, options);
    this.reason = options.reason ?? { kind: 'task' };
  }
}

/**
 * A deadline passed: of `timeout`, `waitFor`, a connect or a shutdown. Its cause is the
 * CancelledError that ended the work, if there is one. asyncio: `TimeoutError`.
 *
 * @example
 * ```ts
 * import { sleep, timeout, TimeoutError } from 'maitre';
 * try {
 *   await timeout(10, () => sleep(60_000));
 * } catch (error) {
 *   if (!(error instanceof TimeoutError)) throw error;
 *   console.log(error.code); // ERR_TIMEOUT
 * }
 * ```
 */
export class TimeoutError extends OwnError {
  override readonly name = 'TimeoutError';
  readonly code = 'ERR_TIMEOUT';
}

/**
 * The object is not in a state that allows the call: the result of a pending task, the release of a
 * free lock, a closed server. asyncio: `InvalidStateError`.
 *
 * @example
 * ```ts
 * import { Future, InvalidStateError } from 'maitre';
 * try {
 *   new Future<string>().result();
 * } catch (error) {
 *   console.log(error instanceof InvalidStateError); // true
 * }
 * ```
 */
export class InvalidStateError extends OwnError {
  override readonly name = 'InvalidStateError';
  readonly code = 'ERR_INVALID_STATE';
}

/**
 * What `split` looks for: an error class, or a function that returns true for the errors that you
 * want.
 */
export type ErrorTest = (abstract new (...args: never[]) => Error) | ((error: unknown) => boolean);

/**
 * One or more tasks of a TaskGroup failed. `errors` holds their errors in the order in which they
 * ended, and the error of the body last. A group inside a group makes a tree. asyncio:
 * `ExceptionGroup` (PEP 654).
 *
 * @example
 * ```ts
 * import { ConnectionLostError, TaskGroupError } from 'maitre';
 * const error = new TaskGroupError([new ConnectionLostError('gone'), new RangeError('wrong')]);
 * const [lost, rest] = error.split(ConnectionLostError);
 * console.log(lost?.errors.length, rest?.leaves().map(String)); // 1 [ 'RangeError: wrong' ]
 * ```
 */
export class TaskGroupError extends AggregateError {
  override readonly name = 'TaskGroupError';
  readonly code = 'ERR_TASK_GROUP';

  /**
   * Splits it into the errors that match and the others. Both parts keep the shape of the tree. A
   * part without errors is undefined. A function is called with groups first: if it returns true
   * for a group, the group matches as a whole. PEP 654: `ExceptionGroup.split`.
   * @param test an error class, or a function
   * @throws TypeError for anything else
   */
  split(test: ErrorTest): [matching: TaskGroupError | undefined, rest: TaskGroupError | undefined] {
    const matches = toPredicate(test);
    if (matches(this)) return [this, undefined];
    const matching: unknown[] = [];
    const rest: unknown[] = [];
    for (const error of this.errors as unknown[]) {
      if (!(error instanceof TaskGroupError)) (matches(error) ? matching : rest).push(error);
      else {
        const [inside, outside] = error.split(matches);
        if (inside !== undefined) matching.push(inside);
        if (outside !== undefined) rest.push(outside);
      }
    }
    return [this.#part(matching), this.#part(rest)];
  }

  /** Returns all errors that are not groups, in order, including those of groups inside it. */
  leaves(): unknown[] {
    return (this.errors as unknown[]).flatMap((error) => (error instanceof TaskGroupError ? error.leaves() : [error]));
  }

  #part(errors: readonly unknown[]): TaskGroupError | undefined {
    if (errors.length === 0) return undefined;
    const part = new TaskGroupError(errors, this.message, this.cause === undefined ? undefined : { cause: this.cause });
    if (this.stack !== undefined) part.stack = this.stack; // where the whole error was thrown
    return part;
  }
}

function toPredicate(test: ErrorTest): (error: unknown) => boolean {
  if (typeof test !== 'function') throw wrongValue('split the error', '', 'an error class or a function', test);
  const isClass = test === Error || test.prototype instanceof Error;
  return isClass ? (error) => error instanceof test : (test as (error: unknown) => boolean);
}

/**
 * The other side is gone. What was written and not sent is lost. `cause` is the error of the
 * operating system, if there is one. End the work for this connection.
 *
 * @example
 * ```ts
 * import { ConnectionLostError, startServer } from 'maitre';
 * await using server = await startServer(
 *   async (reader, writer) => {
 *     for await (const line of reader) {
 *       writer.write(line);
 *       await writer.drain();
 *     }
 *   },
 *   {
 *     port: 0,
 *     onError: (error) => {
 *       if (!(error instanceof ConnectionLostError)) console.error(error);
 *     },
 *   },
 * );
 * console.log(String(server));
 * ```
 */
export class ConnectionLostError extends OwnError {
  override readonly name = 'ConnectionLostError';
  readonly code = 'ERR_CONNECTION_LOST';
}

/**
 * The stream ended before the requested bytes were there. asyncio: `IncompleteReadError`.
 *
 * @example
 * ```ts
 * import { IncompleteReadError, StreamReader } from 'maitre';
 * const reader = new StreamReader();
 * reader.feedData(new Uint8Array(3));
 * reader.feedEof();
 * try {
 *   await reader.readExactly(10);
 * } catch (error) {
 *   if (error instanceof IncompleteReadError) console.log(error.partial.length, error.expected);
 * }
 * ```
 */
export class IncompleteReadError extends OwnError {
  override readonly name = 'IncompleteReadError';
  readonly code = 'ERR_INCOMPLETE_READ';
  /** The bytes that came before the end. */
  readonly partial: Uint8Array;
  /** The number of bytes requested; undefined for `readUntil`. */
  readonly expected: number | undefined;

  constructor(partial: Uint8Array, expected?: number) {
    super(
      `Cannot read: the stream ended after ${partial.length} of ${expected ?? 'an undefined number of'} expected bytes`,
    );
    this.partial = partial;
    this.expected = expected;
  }
}

/**
 * A line or record is longer than the limit of the reader. asyncio: `LimitOverrunError`.
 *
 * @example
 * ```ts
 * import { LimitOverrunError, StreamReader } from 'maitre';
 * const reader = new StreamReader({ limit: 8 });
 * reader.feedData(new TextEncoder().encode('a line that is too long\n'));
 * try {
 *   await reader.readLine();
 * } catch (error) {
 *   console.log(error instanceof LimitOverrunError); // true
 * }
 * ```
 */
export class LimitOverrunError extends OwnError {
  override readonly name = 'LimitOverrunError';
  readonly code = 'ERR_LIMIT_OVERRUN';
  /**
   * How many bytes a caller of `readUntil` may read or drop to get past the part that is too long.
   */
  readonly consumed: number;

  constructor(message: string, consumed: number) {
    super(message);
    this.consumed = consumed;
  }
}

/**
 * A program ended with an exit code other than 0, and `check` was set. asyncio:
 * `subprocess.CalledProcessError`.
 *
 * @example
 * ```ts
 * import { CalledProcessError } from 'maitre';
 * import { createSubprocessShell } from 'maitre/subprocess';
 * await using script = await createSubprocessShell('exit 3', { check: true });
 * try {
 *   await script.communicate();
 * } catch (error) {
 *   if (error instanceof CalledProcessError) console.log(error.returncode); // 3
 * }
 * ```
 */
export class CalledProcessError extends OwnError {
  override readonly name = 'CalledProcessError';
  readonly code = 'ERR_CALLED_PROCESS';
  /** Its exit code. Below 0, it is the negated number of the signal that ended the program. */
  readonly returncode: number;
  /** What `communicate` had read; null for a stream that was not piped or not read. */
  readonly stdout: Uint8Array | null;
  readonly stderr: Uint8Array | null;

  constructor(
    message: string,
    returncode: number,
    output: { readonly stdout?: Uint8Array | null; readonly stderr?: Uint8Array | null } = {},
  ) {
    super(message);
    this.returncode = returncode;
    this.stdout = output.stdout ?? null;
    this.stderr = output.stderr ?? null;
  }
}

/**
 * A worker of an executor ended while it ran a job: a crash, an exit, or no memory left. Its cause
 * is what ended the worker, if known.
 *
 * @example
 * ```ts
 * import { toThread, WorkerLostError } from 'maitre/executors';
 * const heavy = toThread<{ primes(limit: number): number }>(new URL('./heavy.js', import.meta.url));
 * await heavy.primes(1e7).catch((error) => console.log(error instanceof WorkerLostError));
 * ```
 */
export class WorkerLostError extends OwnError {
  override readonly name = 'WorkerLostError';
  readonly code = 'ERR_WORKER_LOST';
}

/**
 * Another caller is already doing this: a second read on a stream, for example.
 *
 * @example
 * ```ts
 * import { BusyError, createTask, StreamReader } from 'maitre';
 * const reader = new StreamReader();
 * const first = createTask(() => reader.readLine(), { eager: true });
 * await reader.readLine().catch((error) => console.log(error instanceof BusyError)); // true
 * first.cancel();
 * ```
 */
export class BusyError extends OwnError {
  override readonly name = 'BusyError';
  readonly code = 'ERR_BUSY';
}

/**
 * The barrier was reset or aborted while tasks waited at it. asyncio: `BrokenBarrierError`.
 *
 * @example
 * ```ts
 * import { Barrier, BrokenBarrierError, createTask } from 'maitre';
 * const barrier = new Barrier(2);
 * const early = createTask(() => barrier.wait(), { eager: true });
 * barrier.abort();
 * await early.catch((error) => console.log(error instanceof BrokenBarrierError)); // true
 * ```
 */
export class BrokenBarrierError extends OwnError {
  override readonly name = 'BrokenBarrierError';
  readonly code = 'ERR_BROKEN_BARRIER';
}

/**
 * `getNowait()` found no item. asyncio: `QueueEmpty`.
 *
 * @example
 * ```ts
 * import { Queue, QueueEmpty } from 'maitre';
 * try {
 *   new Queue<string>().getNowait();
 * } catch (error) {
 *   console.log(error instanceof QueueEmpty); // true
 * }
 * ```
 */
export class QueueEmpty extends OwnError {
  override readonly name = 'QueueEmpty';
  readonly code = 'ERR_QUEUE_EMPTY';
}

/**
 * `putNowait()` found the queue full. asyncio: `QueueFull`.
 *
 * @example
 * ```ts
 * import { Queue, QueueFull } from 'maitre';
 * const orders = new Queue<string>(1);
 * orders.putNowait('soup');
 * try {
 *   orders.putNowait('fish');
 * } catch (error) {
 *   console.log(error instanceof QueueFull); // true
 * }
 * ```
 */
export class QueueFull extends OwnError {
  override readonly name = 'QueueFull';
  readonly code = 'ERR_QUEUE_FULL';
}

/**
 * The queue or channel is shut down: it takes no more items, or it has none left to return.
 * asyncio: `QueueShutDown`.
 *
 * @example
 * ```ts
 * import { Queue, QueueShutDown } from 'maitre';
 * const orders = new Queue<string>();
 * orders.shutdown();
 * await orders.get().catch((error) => console.log(error instanceof QueueShutDown)); // true
 * ```
 */
export class QueueShutDown extends OwnError {
  override readonly name = 'QueueShutDown';
  readonly code = 'ERR_QUEUE_SHUT_DOWN';
}

/**
 * A subscription missed items that cannot be replayed any more: they were trimmed, or Redis has lost
 * them. What comes next is not what came after the last item. Read the state from where it is kept,
 * and subscribe anew.
 *
 * @example
 * ```ts
 * import { MissedItemsError } from 'maitre';
 * const error = new MissedItemsError('Cannot go on: items are missing', '1700000000000-7');
 * console.log(error.after); // 1700000000000-7
 * ```
 */
export class MissedItemsError extends OwnError {
  override readonly name = 'MissedItemsError';
  readonly code = 'ERR_MISSED_ITEMS';
  /** The id after which items are missing. */
  readonly after: string;

  constructor(message: string, after: string) {
    super(message);
    this.after = after;
  }
}

/**
 * A lease ended before its work did: the connection to Redis was lost for too long, the process was
 * stopped, or Redis forgot it. Somebody else may hold the lock or permit now. Stop; do not write.
 *
 * @example
 * ```ts
 * import { LeaseLostError } from 'maitre';
 * console.log(new LeaseLostError('Lost lock "stove"').code); // ERR_LEASE_LOST
 * ```
 */
export class LeaseLostError extends OwnError {
  override readonly name = 'LeaseLostError';
  readonly code = 'ERR_LEASE_LOST';
}
