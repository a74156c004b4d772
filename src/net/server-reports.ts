// What a server says about its clients, and to whom: onRefused, onError and onEnd where they are given, else the exception
// handler. What anybody in the network can cause by the thousand (refusals, lost peers, ends in the middle of a read) goes there
// at most once a second, each in one line (`brief`); other errors of handlers go there one by one, with their stacks.
import { callback, type Checks } from '../base/index.ts';
import {
  type Awaitable,
  type ConnectionLostError,
  type ExceptionContext,
  IncompleteReadError,
  reportException,
  TaskGroupError,
} from '../core/index.ts';
import { Callbacks } from './callbacks.ts';
import { isConnectionLost } from './connection-lost.ts';
import type { Connection } from './connection.ts';
import type { RefusalReportOptions } from './refusal-reports.ts';
import { moreConnections, ReportWindow } from './report-window.ts';

/**
 * How a connection ended, as `onEnd` receives it.
 *
 * - `done`: its handler returned, and the connection was closed in good order;
 * - `failed`: its handler threw `error`;
 * - `lost`: the peer was gone before the end, or a limit ended the connection; `error` says why;
 * - `cancelled`: its handler was cancelled, or the server ended before it began.
 */
export interface ConnectionOutcome {
  readonly kind: 'done' | 'failed' | 'lost' | 'cancelled';
  /** Of `failed` and `lost`. */
  readonly error?: unknown;
}

export interface ReportOptions extends RefusalReportOptions {
  /**
   * Receives the errors of handlers, and the ConnectionLostError of a connection that `maxBuffered` ended. `isConnectionLost` is
   * true of those that say only that the peer left. Default: the exception handler, with `context.connection`; it receives lost peers
   * at most once a second.
   */
  readonly onError?: ((error: unknown, connection: Connection) => void) | undefined;
  /** Called once for every connection whose handler began or would have begun, when it has left the server. */
  readonly onEnd?: ((connection: Connection, outcome: ConnectionOutcome) => void) | undefined;
}

/** Their checks. */
export const REPORTS: Checks<ReportOptions> = { onError: callback, onRefused: callback, onEnd: callback };

export class ServerReports {
  readonly #options: ReportOptions;
  readonly #server: object;
  readonly #losses = new ReportWindow(moreConnections('Lost'));
  readonly #callbacks: Callbacks;
  /** The connections that maxBuffered ended, which was told then: the loss their handlers see is the same news. */
  readonly #overflows = new WeakMap<Connection, ConnectionLostError>();

  /** @param server named in the reports */
  constructor(server: object, options: ReportOptions) {
    this.#server = server;
    this.#options = options;
    this.#callbacks = new Callbacks(server);
  }

  /** The handler of a connection failed. */
  failed(error: unknown, connection: Connection): void {
    if (this.#overflows.has(connection) && isConnectionLost(error)) return;
    this.#error(error, connection);
  }

  /** A connection had more unsent bytes than maxBuffered allows, and was aborted. */
  overflowed(error: ConnectionLostError, connection: Connection): void {
    this.#overflows.set(connection, error);
    this.#error(error, connection, 'maxBuffered');
  }

  /** A connection has left the server. */
  ended(connection: Connection): void {
    const { onEnd } = this.#options;
    if (onEnd === undefined) return;
    const outcome = this.#outcomeOf(connection, connection.task);
    this.#callbacks.call('onEnd', () => onEnd(connection, outcome));
  }

  /** The server is at its end: what was counted is told now. */
  end(): void {
    this.#losses.end();
    this.#callbacks.end();
  }

  #error(error: unknown, connection: Connection, kind = 'lost'): void {
    const { onError } = this.#options;
    if (onError === undefined) {
      this.#errorByDefault(error, connection, kind);
      return;
    }
    // It may be an async function: one that rejects is treated as one that throws.
    const told = async (): Promise<void> => onError(error, connection);
    told().catch((failure: unknown) => {
      reportException({ message: `onError failed for ${connection.label}`, error: failure, connection });
      this.#errorByDefault(error, connection, kind);
    });
  }

  #errorByDefault(error: unknown, connection: Connection, kind: string): void {
    if (!isPeersDoing(error)) {
      reportException({ message: `Unhandled error in the handler of ${connection.label}`, error, connection });
      return;
    }
    const what = `${connection.label}: ${oneLine(error)}`;
    const context: ExceptionContext = { message: `Lost ${what}`, error, connection, server: this.#server, brief: true };
    this.#losses.add(kind, what, context);
  }

  #outcomeOf(connection: Connection, task: Awaitable<unknown> | undefined): ConnectionOutcome {
    const overflow = this.#overflows.get(connection);
    if (task?.cancelled() === true) return { kind: 'cancelled' };
    if (task?.failed() === true) {
      const error = task.exception();
      return { kind: isConnectionLost(error) ? 'lost' : 'failed', error };
    }
    const error = overflow ?? connection.error;
    if (error !== undefined) return { kind: 'lost', error };
    return { kind: task === undefined ? 'cancelled' : 'done' };
  }
}

/** Whether any client can cause it by leaving: a lost connection, or an end in the middle of what a handler asked for. */
function isPeersDoing(error: unknown): boolean {
  try {
    const errors = error instanceof TaskGroupError ? error.leaves() : [error];
    return errors.every((each) => each instanceof IncompleteReadError || isConnectionLost(each));
  } catch {
    return false; // a group inside itself
  }
}

/** What an error says, in one line without control characters; never throws. */
function oneLine(error: unknown): string {
  try {
    const text = error instanceof Error ? error.message : String(error);
    // oxlint-disable-next-line no-control-regex -- the point: it may have been a peer's to choose
    return (text.split('\n', 1)[0] ?? '').replace(/[\0-\x1f\x7f-\x9f]/g, '?');
  } catch {
    return 'an error that cannot be read';
  }
}
