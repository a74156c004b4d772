// Calls functions that a user passed as options (`onRefused`, `onEnd`). What they throw or reject
// with is reported at most once a second, because they are called as often as clients come and go.
import { ReportWindow } from './report-window.ts';

export class Callbacks {
  readonly #server: object;
  readonly #mistakes = new ReportWindow((count, _detail, last) =>
    count === 1 ? last : `${last}, and ${count - 1} more times within a second`,
  );

  /** @param server the `context.server` of reports */
  constructor(server: object) {
    this.#server = server;
  }

  /** Calls `fn` for the option called `name`. Never throws. */
  call(name: string, fn: () => unknown): void {
    const called = async (): Promise<unknown> => fn();
    called().catch((error: unknown) => {
      const message = `${name} failed`;
      this.#mistakes.add(name, message, { message, error, server: this.#server });
    });
  }

  /** Reports at once what was counted and waits to be reported. */
  end(): void {
    this.#mistakes.end();
  }
}
