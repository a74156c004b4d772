// ClosingResource: the base of what is kept in Redis for callers of this process, and is closed once.
//
// States: OPEN -(shutdown)-> CLOSING -(`close` has resolved)-> closed.
import { InvalidStateError, Resource } from '../core/index.ts';

export abstract class ClosingResource extends Resource implements AsyncDisposable {
  /** Undefined while OPEN. */
  #closing: Promise<void> | undefined = undefined;

  protected override get hasEnd(): true {
    return true;
  }

  /** True from `shutdown` on. */
  override get ending(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Gives back what is held, which cancels its scopes, and closes. Callers that wait reject.
   * Idempotent. No cancellation point: it takes bounded time.
   */
  shutdown(): Promise<void> {
    this.#closing ??= this.close();
    return this.#closing;
  }

  /** Calls `shutdown`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /** @internal */
  override endWithin(): Promise<void> {
    return this.shutdown();
  }

  /** @internal */
  override endNow(): void {
    void this.shutdown();
  }

  /** Rejects those who wait, ends what is open, and marks itself as closed. Called once. */
  protected abstract close(): Promise<void>;

  /** Returns the error for those who call once it is not OPEN, or wait then. */
  protected closedError(): InvalidStateError {
    return new InvalidStateError(`Cannot acquire from ${this.label}: it is shut down`);
  }
}
