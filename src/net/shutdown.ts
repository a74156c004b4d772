// The graceful end of a server that accepts no more: idle clients read the end, the others get the grace, then a cancel, then
// an abort. Every step is bounded; what does not end even then is named.
//
// A client is *idle* between messages, and *silent* when it may owe the rest of one (connection.activity()). A silent one gets
// QUIET ms to go on, counted anew with every byte; then it is idle, too. One that has sent nothing yet may have just connected,
// with its first request on its way: it counts as idle from FIRST_BYTE ms on.
import { notNegativeMs } from '../base/index.ts';
import {
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
  /** Milliseconds handlers get to end by themselves. Default 10,000. */
  readonly grace?: number | undefined;
}

/** How a shutdown went: how many connections ended by themselves, by a cancel of their handler, and by an abort. */
export interface ShutdownReport {
  readonly finished: number;
  readonly cancelled: number;
  readonly aborted: number;
}

/** Milliseconds a graceful end waits for handlers, by default. */
const DEFAULT_GRACE = 10_000;
/** Milliseconds cancelled handlers get to clean up, and aborted connections to go. */
const CANCEL_GRACE = 1000;
/** Milliseconds of quiet after which a client that owes the rest of a message counts as idle. */
const QUIET = 500;
/** Milliseconds of a shutdown in which a client that has not sent a byte does not count as idle. */
const FIRST_BYTE = 250;
/** Milliseconds between two looks for idle clients. */
const LOOK_EVERY = 125;

/** What it ends. */
export interface Ending {
  /** The open connections, a live view. */
  readonly connections: ReadonlySet<Connection>;
  /** Resolves when none is open. */
  waitClosed(): Promise<void>;
  /** Cancels a connection's handler, or closes one that has none. */
  cancel(connection: Connection): void;
}

/** The grace asked for; without one, what is left of that of a run() that is ending, else the default. */
export function graceOf(grace: number | undefined): number {
  return grace === undefined ? defaultGrace(DEFAULT_GRACE) : grace;
}

/** @throws RangeError or TypeError unless `grace` is a number of milliseconds >= 0 */
export function checkGrace(grace: number): void {
  notNegativeMs('shut down', 'grace', grace);
}

/** Ends all connections of a closed server. Cancelled, it leaves them to the caller. */
export async function endConnections(server: Ending, grace: number): Promise<ShutdownReport> {
  const { connections } = server;
  const all = connections.size;
  const began = loopTime();
  const silent = new Map<Connection, { readonly bytes: number; readonly since: number }>();
  await emptyWithin(server, grace, () => endIdle(connections, silent, began));
  const finished = all - connections.size;
  for (const connection of connections) server.cancel(connection);
  await emptyWithin(server, CANCEL_GRACE);
  const left = connections.size;
  const report = { finished, cancelled: all - finished - left, aborted: left };
  for (const connection of connections) connection.abort();
  await emptyWithin(server, CANCEL_GRACE);
  reportStuck(connections);
  return report;
}

/** Waits until no connection is open, at most `ms` milliseconds, calling `look` now and then. */
async function emptyWithin(server: Ending, ms: number, look?: () => void): Promise<void> {
  const until = loopTime() + ms;
  for (;;) {
    if (look !== undefined && server.connections.size > 0) {
      await sleep(0); // what has come in already is read first: whoever sent it is not idle
      look();
    }
    const left = until - loopTime();
    if (server.connections.size === 0 || left <= 0) return;
    await moveOnAfter(look === undefined ? left : Math.min(left, LOOK_EVERY), () => server.waitClosed());
  }
}

/** Lets the handlers that only wait for a peer between messages read the end of the stream: most then end by themselves. */
function endIdle(
  connections: ReadonlySet<Connection>,
  silent: Map<Connection, { readonly bytes: number; readonly since: number }>,
  began: number,
): void {
  const now = loopTime();
  for (const connection of connections) {
    const { busy } = connection; // a protocol's word counts for more than what its bytes look like
    const activity = busy === undefined ? connection.activity() : busy ? 'busy' : 'idle';
    const mayBegin = connection.bytesRead === 0 && busy === undefined && now - began < FIRST_BYTE;
    if (activity === 'idle' && !mayBegin) connection.endReading();
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
