// Reports of clients that a gate refused. They go to `onRefused` if there is one, else to the
// exception handler. Anyone in the network can cause thousands of them, so the handler receives at
// most one a second, as one line (`brief`).
import { formatAddress, isUnknown } from './address.ts';
import { Callbacks } from './callbacks.ts';
import { noRefusals, type Refusal, type RefusalCode } from './refusal.ts';
import { moreConnections, ReportWindow } from './report-window.ts';

/** The option of startServer that receives refusals. */
export interface RefusalReportOptions {
  /**
   * Receives every client that was not served: refused by a rule, without a place, or failed in its
   * TLS handshake or PROXY header. Default: the exception handler, at most once a second.
   */
  readonly onRefused?: ((refusal: Refusal) => void) | undefined;
}

export class RefusalReports {
  /** How many clients were refused so far, by reason. */
  readonly refused: Record<RefusalCode, number> = noRefusals();
  readonly #options: RefusalReportOptions;
  readonly #server: object;
  readonly #window = new ReportWindow(moreConnections('Refused'));
  readonly #callbacks: Callbacks;

  /** @param server the `context.server` of reports */
  constructor(server: object, options: RefusalReportOptions) {
    this.#server = server;
    this.#options = options;
    this.#callbacks = new Callbacks(server);
  }

  /** Counts and reports a refusal. `isQuiet` keeps it from the exception handler. */
  refuse(refusal: Refusal, isQuiet = false): void {
    const { code, message, error, peer } = refusal;
    this.refused[code]++;
    const { onRefused } = this.#options;
    if (onRefused !== undefined) {
      this.#callbacks.call('onRefused', () => onRefused(refusal));
      return;
    }
    if (isQuiet) return;
    const from = peer === undefined || isUnknown(peer) ? '' : ` from ${formatAddress(peer)}`;
    const what = `${from}: ${message}`;
    const verb =
      code === 'descriptors'
        ? 'Cannot accept connections'
        : code === 'accept'
          ? 'Cannot accept a connection'
          : 'Refused a connection';
    this.#window.add(code, `one${what}`, {
      message: `${verb}${what}`,
      error: error ?? plainError(`Refused a connection: ${message}`),
      server: this.#server,
      refusal,
      brief: true,
    });
  }

  /** Reports at once what was counted and waits to be reported. */
  end(): void {
    this.#window.end();
    this.#callbacks.end();
  }
}

/**
 * An error without a stack. The stack would only show this file: the cause came from the network.
 */
function plainError(message: string): Error {
  const error = new Error(message);
  error.stack = String(error);
  return error;
}
