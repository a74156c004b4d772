// A result that somebody sets by hand: the bridge from callbacks to tasks.
import { Awaitable } from './awaitable.ts';
import { CancelledError, InvalidStateError } from './errors.ts';

/**
 * A value that comes later, set by `setResult` or `setException`. Awaiting it is a cancellation point; cancelling a task
 * that awaits it cancels it. Semantics: asyncio.Future.
 *
 * @example
 * ```ts
 * import { callLater, Future } from 'maitre';
 * const future = new Future<string>();
 * callLater(10, () => future.setResult('ready'));
 * console.log(await future);
 * ```
 */
export class Future<T> extends Awaitable<T> {
  /** Sets the result. Throws InvalidStateError when it is done already, cancelled included. */
  setResult(value: T): void {
    if (!this.answer(value)) throw this.#isDone('result');
  }

  /** Sets the exception. A CancelledError makes it cancelled. Throws InvalidStateError when it is done already. */
  setException(error: unknown): void {
    if (!this.fail(error)) throw this.#isDone('exception');
  }

  /** `setResult` for a subscriber's step: does nothing when done. @internal */
  answer(value: T): boolean {
    return this.settle('done', value);
  }

  /** `setException` for a subscriber's step: does nothing when done. @internal */
  fail(error: unknown): boolean {
    return this.settle(error instanceof CancelledError ? 'cancelled' : 'failed', error);
  }

  /** @internal */
  override applyCancel(error: CancelledError): void {
    this.settle('cancelled', error);
  }

  override get label(): string {
    return 'Future';
  }

  #isDone(what: string): InvalidStateError {
    return new InvalidStateError(
      `Cannot set the ${what} of a Future: it is ${this.cancelled() ? 'cancelled' : 'done'} already`,
    );
  }
}
