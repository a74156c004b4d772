// Calls of functions that a user gave as options. What they throw, or reject with if they are async, is reported at most once a
// second: it happens as often as clients come.
import { ReportWindow } from './report-window.ts';

export class Callbacks {
  readonly #server: object;
  readonly #mistakes = new ReportWindow((count, _detail, last) =>
    count === 1 ? last : `${last}, and ${count - 1} more times within a second`,
  );

  /** @param server named in the reports */
  constructor(server: object) {
    this.#server = server;
  }

  /** Calls `fn`, which is the option `name`. Never throws. */
  call(name: string, fn: () => unknown): void {
    const called = async (): Promise<unknown> => fn();
    called().catch((error: unknown) => {
      const message = `${name} failed`;
      this.#mistakes.add(name, message, { message, error, server: this.#server });
    });
  }

  /** The server is at its end: what was counted is told now. */
  end(): void {
    this.#mistakes.end();
  }
}
