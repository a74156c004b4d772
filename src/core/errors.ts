// The error classes, cut by what a caller does next, each with a stable `code`. docs/errors.md lists them; a test holds
// both lists equal. Wrong types are plain TypeErrors, wrong values plain RangeErrors.
import { wrongValue } from '../base/index.ts';

/** Who cancelled: kept on `CancelledError.reason`. */
export interface CancelReason {
  /** What asked for it; `shutdown` is the end of `run()` or of a server, `signal` an AbortSignal or a process signal. */
  readonly kind: 'task' | 'timeout' | 'group' | 'race' | 'signal' | 'shutdown';
  /** The task, Timeout, TaskGroup, AbortSignal, Server or signal name; undefined when called from outside any task. */
  readonly by?: unknown;
}

/** What the classes have in common: asked whether it is one of theirs, any value gets an answer. What users throw may be a revoked Proxy. */
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
 * Thrown at the wait of a cancelled task. Let it pass, or clean up and rethrow it; swallowing it keeps the task running.
 * Semantics: asyncio.CancelledError. It carries a stack only while tracing is on (`run(main, { debug: true })`).
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

/** A deadline passed: of `timeout`, `waitFor`, a connect, a shutdown. Its cause is the CancelledError that ended the work, if any. */
export class TimeoutError extends OwnError {
  override readonly name = 'TimeoutError';
  readonly code = 'ERR_TIMEOUT';
}

/** The object is not in a state that allows the call: result of a pending task, release of a free lock, a closed server. */
export class InvalidStateError extends OwnError {
  override readonly name = 'InvalidStateError';
  readonly code = 'ERR_INVALID_STATE';
}

/** What `split` looks for: an error class, or a function that says whether an error is meant. */
export type ErrorTest = (abstract new (...args: never[]) => Error) | ((error: unknown) => boolean);

/**
 * One or more tasks of a TaskGroup failed: `errors` holds them in completion order, the body's last. Groups in groups make a tree.
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
   * Splits it in two, each with the shape of the whole: the errors that match, and the others. Undefined for a part without
   * errors. A function is asked about groups first: one that it takes is not looked into. PEP 654: `ExceptionGroup.split`.
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

  /** All errors that are no groups, in order, those of groups inside it included. */
  leaves(): unknown[] {
    return (this.errors as unknown[]).flatMap((error) => (error instanceof TaskGroupError ? error.leaves() : [error]));
  }

  #part(errors: readonly unknown[]): TaskGroupError | undefined {
    if (errors.length === 0) return undefined;
    const part = new TaskGroupError(errors, this.message, this.cause === undefined ? undefined : { cause: this.cause });
    if (this.stack !== undefined) part.stack = this.stack; // where the whole was thrown
    return part;
  }
}

function toPredicate(test: ErrorTest): (error: unknown) => boolean {
  if (typeof test !== 'function') throw wrongValue('split the error', '', 'an error class or a function', test);
  const isClass = test === Error || test.prototype instanceof Error;
  return isClass ? (error) => error instanceof test : (test as (error: unknown) => boolean);
}

/** The other side is gone: what was written and not sent is lost. `cause` is the operating system's error, if any. */
export class ConnectionLostError extends OwnError {
  override readonly name = 'ConnectionLostError';
  readonly code = 'ERR_CONNECTION_LOST';
}

/** The stream ended before what was asked for was there. */
export class IncompleteReadError extends OwnError {
  override readonly name = 'IncompleteReadError';
  readonly code = 'ERR_INCOMPLETE_READ';
  /** The bytes that came before the end. */
  readonly partial: Uint8Array;
  /** How many bytes were asked for; undefined for `readUntil`. */
  readonly expected: number | undefined;

  constructor(partial: Uint8Array, expected?: number) {
    super(
      `Cannot read: the stream ended after ${partial.length} of ${expected ?? 'an undefined number of'} expected bytes`,
    );
    this.partial = partial;
    this.expected = expected;
  }
}

/** A line or record is longer than the reader's limit. */
export class LimitOverrunError extends OwnError {
  override readonly name = 'LimitOverrunError';
  readonly code = 'ERR_LIMIT_OVERRUN';
  /** How many bytes a caller of `readUntil` may read or drop to get past the overlong part. */
  readonly consumed: number;

  constructor(message: string, consumed: number) {
    super(message);
    this.consumed = consumed;
  }
}

/** A program ended with something else than 0, and `check` was asked for. asyncio: `subprocess.CalledProcessError`. */
export class CalledProcessError extends OwnError {
  override readonly name = 'CalledProcessError';
  readonly code = 'ERR_CALLED_PROCESS';
  /** Its exit code; below 0 the number of the signal that ended it. */
  readonly returncode: number;
  /** What `communicate` had read; null for what was not piped, or not read. */
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

/** A worker of an executor ended while it ran a job: a crash, an exit, no memory left. Its cause is what ended it, if that is known. */
export class WorkerLostError extends OwnError {
  override readonly name = 'WorkerLostError';
  readonly code = 'ERR_WORKER_LOST';
}

/** Somebody else is already doing this: a second reader on one stream. */
export class BusyError extends OwnError {
  override readonly name = 'BusyError';
  readonly code = 'ERR_BUSY';
}

/** The barrier was reset or aborted while tasks waited at it. */
export class BrokenBarrierError extends OwnError {
  override readonly name = 'BrokenBarrierError';
  readonly code = 'ERR_BROKEN_BARRIER';
}

/** `getNowait()` found nothing. */
export class QueueEmpty extends OwnError {
  override readonly name = 'QueueEmpty';
  readonly code = 'ERR_QUEUE_EMPTY';
}

/** `putNowait()` found no room. */
export class QueueFull extends OwnError {
  override readonly name = 'QueueFull';
  readonly code = 'ERR_QUEUE_FULL';
}

/** The queue or channel is shut down: nothing goes in any more, or nothing comes out. */
export class QueueShutDown extends OwnError {
  override readonly name = 'QueueShutDown';
  readonly code = 'ERR_QUEUE_SHUT_DOWN';
}
