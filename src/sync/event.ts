// Event: a flag to wait for. Semantics: asyncio.Event.
import { LinkedSet } from '../base/index.ts';
import { checkpoint, QueuedWait, type WaitOptions } from '../core/index.ts';

const SET: Promise<true> = Promise.resolve(true);

/**
 * Tasks wait until somebody sets it. A task woken by `set()` goes on even if `clear()` follows at once. asyncio: `Event`.
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
export class Event {
  #set = false;
  readonly #waiters = new LinkedSet<QueuedWait<true>>();

  isSet(): boolean {
    return this.#set;
  }

  /** Sets the flag and wakes everybody. */
  set(): void {
    this.#set = true;
    for (let wait = this.#waiters.shift(); wait !== undefined; wait = this.#waiters.shift()) wait.answer(true);
  }

  clear(): void {
    this.#set = false;
  }

  /** Resolves once the flag is set; at once when it is. Cancellable. */
  wait(options?: WaitOptions): Promise<true> {
    const refused = checkpoint(options);
    if (refused !== undefined) return refused;
    if (this.#set) return SET;
    const wait = new QueuedWait<true>('event.wait', this, options);
    this.#waiters.add(wait);
    return wait.promise;
  }

  statistics(): { readonly set: boolean; readonly waiting: number } {
    return { set: this.#set, waiting: this.#waiters.size };
  }

  /** `event not set, 2 waiting`, for messages. */
  toString(): string {
    return `event ${this.#set ? 'set' : 'not set'}, ${this.#waiters.size} waiting`;
  }
}
