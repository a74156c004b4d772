// A result that code sets by hand: the bridge from callbacks to tasks.
import { Awaitable } from './awaitable.ts';
import { CancelledError, InvalidStateError } from './errors.ts';

/**
 * A value that comes later, set by `setResult` or `setException`. Awaiting it is a cancellation
 * point. Cancelling a task that awaits it cancels it. asyncio: `Future`.
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
  /**
   * Sets the result. asyncio: `Future.set_result`.
   * @throws InvalidStateError if it is done already, for example cancelled
   */
  setResult(value: T): void {
    if (!this.answer(value)) throw this.#isDone('result');
  }

  /**
   * Sets the exception. With a CancelledError, the future counts as cancelled. asyncio:
   * `Future.set_exception`.
   * @throws InvalidStateError if it is done already
   */
  setException(error: unknown): void {
    if (!this.fail(error)) throw this.#isDone('exception');
  }

  /** `setResult` that returns false if it is done already, for subscribers. @internal */
  answer(value: T): boolean {
    return this.settle('done', value);
  }

  /** `setException` that returns false if it is done already, for subscribers. @internal */
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
