// The reports of a server about its clients. They go to onRefused, onError and onEnd where you set
// them, else to the exception handler.
//
// What anyone in the network can cause by the thousand (refusals, lost peers, ends in the middle of
// a read) goes to the exception handler at most once a second, each in one line (`brief`). Other
// errors of handlers go there one by one, with their stacks.
import { callback, type Checks, noteError } from '../base/index.ts';
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
 * How a connection ended, as `onEnd` receives it:
 *
 * - `done`: its handler returned, and the connection closed in good order;
 * - `failed`: its handler threw `error`;
 * - `lost`: the peer left before the end, or a limit ended the connection; `error` says which;
 * - `cancelled`: its handler was cancelled, or the server ended before the handler began.
 */
export interface ConnectionOutcome {
  readonly kind: 'done' | 'failed' | 'lost' | 'cancelled';
  /** What `failed` and `lost` were caused by. */
  readonly error?: unknown;
}

/** Options of startServer that receive reports. */
export interface ReportOptions extends RefusalReportOptions {
  /**
   * Receives the errors of handlers, and the ConnectionLostError of a connection that `maxBuffered`
   * ended. Use `isConnectionLost` to tell the errors that only say that the peer left. Default: the
   * exception handler, with `context.connection`; it receives lost peers at most once a second.
   */
  readonly onError?: ((error: unknown, connection: Connection) => void) | undefined;
  /**
   * Called once for every connection whose handler began or would have begun, after the connection
   * left the server.
   */
  readonly onEnd?: ((connection: Connection, outcome: ConnectionOutcome) => void) | undefined;
}

/** The checks of ReportOptions. */
export const REPORTS: Checks<ReportOptions> = { onError: callback, onRefused: callback, onEnd: callback };

export class ServerReports {
  readonly #options: ReportOptions;
  readonly #server: object;
  readonly #losses = new ReportWindow(moreConnections('Lost'));
  readonly #callbacks: Callbacks;
  /**
   * Connections that maxBuffered ended. That was reported then, so the loss that their handlers
   * throw is not reported again.
   */
  readonly #overflows = new WeakMap<Connection, ConnectionLostError>();

  /** @param server the `context.server` of reports */
  constructor(server: object, options: ReportOptions) {
    this.#server = server;
    this.#options = options;
    this.#callbacks = new Callbacks(server);
  }

  /** Reports that the handler of a connection threw. */
  failed(error: unknown, connection: Connection): void {
    if (this.#overflows.has(connection) && isConnectionLost(error)) return;
    this.#error(error, connection);
  }

  /** Reports that a connection had more unsent bytes than maxBuffered allows, and was aborted. */
  overflowed(error: ConnectionLostError, connection: Connection): void {
    this.#overflows.set(connection, error);
    this.#error(error, connection, 'maxBuffered');
  }

  /** Reports that a connection left the server. */
  ended(connection: Connection): void {
    const { onEnd } = this.#options;
    if (onEnd === undefined) return;
    const outcome = this.#outcomeOf(connection, connection.task);
    this.#callbacks.call('onEnd', () => onEnd(connection, outcome));
  }

  /** Reports what was counted and not reported yet. Called when the server ends. */
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
    if (!isPeersDoing(error)) noteError({ message: `The handler of ${connection.label} failed`, error });
    // onError may be an async function. A rejection counts as a throw.
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
    return { kind: task === undefined && !connection.isHandedOver ? 'cancelled' : 'done' };
  }
}

/**
 * Whether any client can cause the error by leaving: a lost connection, or an end in the middle of
 * what a handler reads.
 */
function isPeersDoing(error: unknown): boolean {
  try {
    const errors = error instanceof TaskGroupError ? error.leaves() : [error];
    return errors.every((each) => each instanceof IncompleteReadError || isConnectionLost(each));
  } catch {
    return false; // a group inside itself
  }
}

/** The message of an error in one line, without control characters. Never throws. */
function oneLine(error: unknown): string {
  try {
    const text = error instanceof Error ? error.message : String(error);
    // oxlint-disable-next-line no-control-regex -- the point: a peer may have chosen the text
    return (text.split('\n', 1)[0] ?? '').replace(/[\0-\x1f\x7f-\x9f]/g, '?');
  } catch {
    return 'an error that cannot be read';
  }
}
