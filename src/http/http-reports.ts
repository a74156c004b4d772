// The reports of an HTTP server: errors of handlers, and the access log.
import { noteError } from '../base/index.ts';
import { host, loopTime, reportException } from '../core/index.ts';
import { type AccessEntry, accessLine } from './access-log.ts';
import type { HttpOptions } from './http-options.ts';
import type { HttpRequestInfo } from './request-info.ts';

/** A request that is reported. */
export interface Reported extends HttpRequestInfo {
  /** `GET /orders`. */
  readonly taskName: string;
  /** When it came, on the loop's clock. */
  readonly cameAt: number;
  /** Bytes of the body that was sent; undefined where nobody counts. */
  readonly sentBytes: number | undefined;
}

export class HttpReports {
  readonly #onError: HttpOptions['onError'];
  readonly #log: ((entry: AccessEntry) => void) | undefined;
  #logFailed = false;

  constructor({ onError, log }: HttpOptions) {
    this.#onError = onError;
    if (log !== undefined && log !== false) this.#log = log === true ? print : log;
  }

  /** Whether ended() wants to know of requests. */
  get isLogged(): boolean {
    return this.#log !== undefined;
  }

  /** A handler threw. Called once for a request. */
  failed(error: unknown, exchange: Reported): void {
    const what = `the handler of ${exchange.taskName}`;
    const byDefault = (): void => {
      const { connection } = exchange;
      reportException({ message: `Unhandled error in ${what}`, error, request: exchange.taskName, connection });
    };
    const onError = this.#onError;
    if (onError === undefined) return byDefault();
    noteError({ message: `${what} failed`, error });
    const told = async (): Promise<void> => onError(error, exchange);
    told().catch((failure: unknown) => {
      reportException({ message: `onError failed for ${exchange.taskName}`, error: failure });
      byDefault();
    });
  }

  /** A request has ended. */
  ended(exchange: Reported): void {
    const log = this.#log;
    if (log === undefined) return;
    const { method, target, outgoing, cameAt, peer, id, httpVersion, sentBytes } = exchange;
    const ms = loopTime() - cameAt;
    const gone = exchange.gone && !outgoing.writableFinished;
    const entry: AccessEntry = {
      at: host.timeOrigin + cameAt,
      method,
      path: target,
      status: outgoing.headersSent ? outgoing.statusCode : undefined,
      bytes: sentBytes,
      ms,
      peer,
      id,
      httpVersion,
      gone,
    };
    const called = async (): Promise<void> => log(entry);
    called().catch((error: unknown) => {
      if (this.#logFailed) return; // it would be reported as often as requests come
      this.#logFailed = true;
      reportException({ message: 'log failed, and is not reported again', error });
    });
  }

  end(): void {
    this.#logFailed = false;
  }
}

function print(entry: AccessEntry): void {
  console.log(accessLine(entry));
}
