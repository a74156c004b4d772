// The graceful end of a server that no longer accepts. Idle clients read the end of the stream. The
// others have the grace, then are cancelled, then aborted. Every step is bounded, and a report
// names what does not end even then.
//
// A client is *idle* between messages. It is *silent* when it may owe the rest of a message
// (connection.activity()). A silent client has QUIET ms to go on, counted anew with every byte.
// After that it counts as idle too. A client that has sent nothing may have just connected, with
// its first request under way: it counts as idle from FIRST_BYTE ms on. TLS handshakes under way have
// the same time to finish. At a reload, so have HTTP clients between two requests: the next answer
// ends their connection with `Connection: close`, and a client that is at work loses no request.
//
// Example: three clients, grace 10,000 ms. A waits between messages, B sent half a line, C's
// handler computes. At 0 ms, A reads the end, and its handler returns. About 500 ms later, B reads
// the end too. C has until 10,000 ms; then its task is cancelled, and has 1,000 ms to clean up
// before its connection is aborted. If it still runs 1,000 ms later, it is reported.
import { anything, type Checks, checkOptions, notNegativeMs, oneOf } from '../base/index.ts';
import {
  type CancelReason,
  defaultGrace,
  loopTime,
  moveOnAfter,
  reportException,
  sleep,
  TimeoutError,
  type WaitOptions,
} from '../core/index.ts';
import type { Connection } from './connection.ts';

/** Options of `server.shutdown`. */
export interface ShutdownOptions extends WaitOptions {
  /** Milliseconds that handlers have to end by themselves. Default 10,000. */
  readonly grace?: number | undefined;
  /**
   * Why the server ends, which the cancelled handlers read as `error.reason.kind`. With `reload`,
   * another server has taken over, and nobody waits for the end of this one. So WebSockets and
   * streams of events have the whole grace too; in a `shutdown` they end at once. Default `shutdown`.
   */
  readonly reason?: 'shutdown' | 'reload' | undefined;
}

/** The checks for every option of `server.shutdown`. */
const SHUTDOWN: Checks<ShutdownOptions> = {
  grace: notNegativeMs,
  reason: oneOf('shutdown or reload'),
  signal: anything,
};

/** Why handlers are cancelled: the message and the reason of their CancelledError. */
export interface EndOrder {
  readonly message: string;
  readonly reason: CancelReason;
}

/** What the handlers of the server `by` are cancelled with. */
export function endOrder(kind: 'shutdown' | 'reload', by: object | undefined): EndOrder {
  const what = kind === 'reload' ? 'another server has replaced this one' : 'the server is shutting down';
  return { message: `Cancelled: ${what}`, reason: { kind, by } };
}

/** How many connections ended in which way. */
export interface ShutdownReport {
  /** Connections that ended by themselves within the grace. */
  readonly finished: number;
  /** Connections that ended after their handler was cancelled. */
  readonly cancelled: number;
  /** Connections that were aborted. */
  readonly aborted: number;
}

/** The default grace, in milliseconds. */
const DEFAULT_GRACE = 10_000;
/** Milliseconds that cancelled handlers have to clean up, and then aborted connections to close. */
const CANCEL_GRACE = 1000;
/** Milliseconds of quiet after which a client that owes the rest of a message counts as idle. */
const QUIET = 500;
/**
 * Milliseconds from the start of the end in which a client that has not sent a byte does not count as
 * idle, and in which TLS handshakes go on. Nobody waits for the end of a server that was replaced, so
 * there the slower networks have their time too.
 */
const FIRST_BYTE = { shutdown: 250, reload: 500 } as const;
/** Milliseconds between two looks for idle clients. */
const LOOK_EVERY = 125;

/** What endConnections() needs of a server. */
export interface Ending {
  /** The open connections: a live view. */
  readonly connections: ReadonlySet<Connection>;
  /** Returns how many connections have ended, in all its life. */
  ended(): number;
  /** Whether clients can still come in: their handshakes are under way. */
  isShakingHands(): boolean;
  /** Ends the handshakes that are under way. */
  endHandshakes(): void;
  /** Waits until no connection is open, and no handshake under way. */
  waitClosed(options: WaitOptions): Promise<void>;
  /** Cancels a connection's handler, or closes one that has none. */
  cancel(connection: Connection): void;
}

/**
 * The grace that was passed. Without one, what is left of the grace of a run() that is ending, else
 * the default.
 * @throws RangeError or TypeError for wrong options
 */
export function graceOf(options: ShutdownOptions): number {
  checkOptions('shut down', options, SHUTDOWN);
  return options.grace ?? defaultGrace(DEFAULT_GRACE);
}

/**
 * Ends all connections of a closed server. When it is cancelled, it leaves them to the caller.
 * @param signal that of the scope which calls it: in browsers nothing else ties its waits to that
 */
export async function endConnections(
  server: Ending,
  grace: number,
  kind: 'shutdown' | 'reload',
  signal: AbortSignal,
): Promise<ShutdownReport> {
  const { connections } = server;
  const before = server.ended();
  const until = loopTime() + Math.min(grace, FIRST_BYTE[kind]);
  const silent = new Map<Connection, { readonly bytes: number; readonly since: number }>();
  await emptyWithin(server, grace, signal, () => {
    const mayBegin = loopTime() < until;
    if (!mayBegin) server.endHandshakes();
    endIdle(connections, silent, mayBegin, kind);
  });
  server.endHandshakes();
  const finished = server.ended() - before;
  for (const connection of connections) server.cancel(connection);
  await emptyWithin(server, CANCEL_GRACE, signal);
  const report = { finished, cancelled: server.ended() - before - finished, aborted: connections.size };
  for (const connection of connections) connection.abort();
  await emptyWithin(server, CANCEL_GRACE, signal);
  reportStuck(connections);
  return report;
}

/**
 * Waits until no connection is open, for at most `ms` milliseconds, and calls `look` every
 * LOOK_EVERY ms.
 */
async function emptyWithin(server: Ending, ms: number, signal: AbortSignal, look?: () => void): Promise<void> {
  const until = loopTime() + ms;
  for (;;) {
    if (look !== undefined && !isEmpty(server)) {
      await sleep(0, undefined, { signal }); // reads first what has come: its sender is not idle
      look();
    }
    const left = until - loopTime();
    if (isEmpty(server) || left <= 0) return;
    const next = look === undefined ? left : Math.min(left, LOOK_EVERY);
    await moveOnAfter(next, (t) => server.waitClosed({ signal: t.signal }), { signal });
  }
}

function isEmpty(server: Ending): boolean {
  return server.connections.size === 0 && !server.isShakingHands();
}

/**
 * Ends the stream of each client that is idle, so that its handler reads the end. Most handlers
 * then end by themselves.
 */
function endIdle(
  connections: ReadonlySet<Connection>,
  silent: Map<Connection, { readonly bytes: number; readonly since: number }>,
  mayBegin: boolean,
  kind: 'shutdown' | 'reload',
): void {
  const now = loopTime();
  for (const connection of connections) {
    const { busy } = connection; // what a protocol says overrides what the bytes show
    const activity = busy === undefined ? connection.activity() : busy ? 'busy' : 'idle';
    const isFirst = busy === undefined && connection.bytesRead === 0;
    const isNext = busy === false && kind === 'reload';
    if (activity === 'idle' && !(mayBegin && (isFirst || isNext))) connection.endReading();
    if (activity !== 'silent') continue;
    const before = silent.get(connection);
    if (before?.bytes !== connection.bytesRead) silent.set(connection, { bytes: connection.bytesRead, since: now });
    else if (now - before.since >= QUIET) connection.endReading();
  }
}

function reportStuck(connections: ReadonlySet<Connection>): void {
  for (const connection of connections) {
    const { task } = connection;
    const runs = task?.done() === false;
    const error = new TimeoutError(
      runs
        ? `${task} was cancelled and its connection aborted, and it still runs`
        : `${connection.label} was aborted, and its transport is still there`,
    );
    const who = runs ? `The handler of ${connection.label}` : `The transport of ${connection.label}`;
    reportException({ message: `${who} did not end with the server`, error, connection });
  }
}
