// Clients that were not let in: errors of accepting, refusals, handshakes that failed. They never stop a server, and they
// come in floods, so one a second is told, and with it how many were not.
import { loopTime, reportException } from '../core/index.ts';

/** Milliseconds between two reports. */
const EVERY = 1000;

export class AcceptReports {
  #last = -Infinity;
  /** How many came since the last report. */
  #untold = 0;

  /** Tells the exception handler, unless it was told within the last second. */
  add(error: unknown, server: object): void {
    const now = loopTime();
    if (now - this.#last < EVERY) {
      this.#untold++;
      return;
    }
    const more = this.#untold === 0 ? '' : `, and not told of ${this.#untold} more before this one`;
    this.#last = now;
    this.#untold = 0;
    reportException({ message: `Cannot accept a connection; the server goes on${more}`, error, server });
  }
}
