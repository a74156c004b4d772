// A deadline of a part of a request, that says which part it was.
import { timeout, TimeoutError } from '../core/index.ts';

/**
 * `timeout`, with a message of its own.
 * @param ms milliseconds; null for no deadline
 * @param late makes the message
 */
export async function timed<T>(ms: number | null, fn: () => Promise<T>, late: (ms: number) => string): Promise<T> {
  if (ms === null) return fn();
  let isExpired = (): boolean => false;
  try {
    return await timeout(ms, (t) => {
      isExpired = () => t.expired();
      return fn();
    });
  } catch (error) {
    if (!(error instanceof TimeoutError && isExpired())) throw error;
    throw new TimeoutError(late(ms), { cause: error.cause });
  }
}
