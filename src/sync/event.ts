// Event: a flag to wait for. Semantics: asyncio.Event.
//
// Waiters exist only while the flag is false: set() answers all of them in one step. An answered
// waiter resolves even if clear() follows at once.
import { answeredWait, beginWait, Line, mayAnswer, QueuedWait, Resource, type WaitOptions } from '../core/index.ts';

const SET: Promise<true> = Promise.resolve(true);

/**
 * A flag that tasks wait for. A task that `set()` woke continues even if `clear()` follows at once.
 * asyncio: `Event`.
 *
 * @example
 * ```ts
 * import { createTask, Event } from 'maitre';
 * const ready = new Event();
 * const task = createTask(async () => { await ready.wait(); console.log('go'); });
 * ready.set();
 * await task;
 * ```
 */
export class Event extends Resource {
  /** The flag. Written by set() and clear(). */
  #set = false;
  /** The waiters. Empty while the flag is true. */
  readonly #line = new Line<true>();

  get kind(): 'event' {
    return 'event';
  }

  /** Returns true if the flag is set. asyncio: `Event.is_set`. */
  isSet(): boolean {
    return this.#set;
  }

  /** Sets the flag and wakes every waiting task. Idempotent. asyncio: `Event.set`. */
  set(): void {
    this.#set = true;
    this.#line.answerAll(true);
  }

  /** Resets the flag. Later calls of `wait` wait again. asyncio: `Event.clear`. */
  clear(): void {
    this.#set = false;
  }

  /**
   * Waits until the flag is set. Resolves at once if it is set already. Cancellable. asyncio:
   * `Event.wait`.
   * @throws CancelledError
   */
  wait(options?: WaitOptions): Promise<true> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#set) return mayAnswer(options) ? SET : answeredWait('event.wait', this, true, options);
    return this.#line.join(new QueuedWait<true>('event.wait', this, options));
  }

  /** Returns whether the flag is set, and the number of tasks that wait. */
  statistics(): { readonly set: boolean; readonly waiting: number } {
    return { set: this.#set, waiting: this.#line.size };
  }
}
