// The error classes, cut by what a caller does next, each with a stable `code`. docs/errors.md lists them; a test holds
// both lists equal. Wrong types are plain TypeErrors, wrong values plain RangeErrors.

/** Who cancelled: kept on `CancelledError.reason`. */
export interface CancelReason {
  /** What asked for it; `shutdown` is the end of `run()` or of a server, `signal` an AbortSignal or a process signal. */
  readonly kind: 'task' | 'timeout' | 'group' | 'race' | 'signal' | 'shutdown';
  /** The task, Timeout, TaskGroup, AbortSignal, Server or signal name; undefined when called from outside any task. */
  readonly by?: unknown;
}

/**
 * Thrown at the wait of a cancelled task. Let it pass, or clean up and rethrow it; swallowing it keeps the task running.
 * Semantics: asyncio.CancelledError. It carries a stack only while tracing is on (`run(main, { debug: true })`).
 */
export class CancelledError extends Error {
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
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
  readonly code = 'ERR_TIMEOUT';
}

/** The object is not in a state that allows the call: result of a pending task, release of a free lock, a closed server. */
export class InvalidStateError extends Error {
  override readonly name = 'InvalidStateError';
  readonly code = 'ERR_INVALID_STATE';
}

/** One or more tasks of a TaskGroup failed: `errors` holds them in completion order, the body's last. */
export class TaskGroupError extends AggregateError {
  override readonly name = 'TaskGroupError';
  readonly code = 'ERR_TASK_GROUP';
}

/** The other side is gone: what was written and not sent is lost. `cause` is the operating system's error, if any. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
  readonly code = 'ERR_CONNECTION_LOST';
}

/** The stream ended before what was asked for was there. */
export class IncompleteReadError extends Error {
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
export class LimitOverrunError extends Error {
  override readonly name = 'LimitOverrunError';
  readonly code = 'ERR_LIMIT_OVERRUN';
  /** How many bytes a caller of `readUntil` may read or drop to get past the overlong part. */
  readonly consumed: number;

  constructor(message: string, consumed: number) {
    super(message);
    this.consumed = consumed;
  }
}

/** Somebody else is already doing this: a second reader on one stream. */
export class BusyError extends Error {
  override readonly name = 'BusyError';
  readonly code = 'ERR_BUSY';
}

/** The barrier was reset or aborted while tasks waited at it. */
export class BrokenBarrierError extends Error {
  override readonly name = 'BrokenBarrierError';
  readonly code = 'ERR_BROKEN_BARRIER';
}

/** `getNowait()` found nothing. */
export class QueueEmpty extends Error {
  override readonly name = 'QueueEmpty';
  readonly code = 'ERR_QUEUE_EMPTY';
}

/** `putNowait()` found no room. */
export class QueueFull extends Error {
  override readonly name = 'QueueFull';
  readonly code = 'ERR_QUEUE_FULL';
}

/** The queue or channel takes or gives nothing any more. */
export class QueueShutDown extends Error {
  override readonly name = 'QueueShutDown';
  readonly code = 'ERR_QUEUE_SHUT_DOWN';
}
