// Event: a flag to wait for. Semantics: asyncio.Event.
import { answeredWait, beginWait, Line, mayAnswer, QueuedWait, Resource, type WaitOptions } from '../core/index.ts';

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
export class Event extends Resource {
  #set = false;
  readonly #line = new Line<true>();

  get kind(): 'event' {
    return 'event';
  }

  isSet(): boolean {
    return this.#set;
  }

  /** Sets the flag and wakes everybody. */
  set(): void {
    this.#set = true;
    this.#line.answerAll(true);
  }

  clear(): void {
    this.#set = false;
  }

  /** Resolves once the flag is set; at once when it is. Cancellable. */
  wait(options?: WaitOptions): Promise<true> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    if (this.#set) return mayAnswer(options) ? SET : answeredWait('event.wait', this, true, options);
    return this.#line.join(new QueuedWait<true>('event.wait', this, options));
  }

  statistics(): { readonly set: boolean; readonly waiting: number } {
    return { set: this.#set, waiting: this.#line.size };
  }
}
