// The items of a generator, sent to the executor that asks for them.
//
// Items are made only while there is credit, and are sent in batches. `stop` ends the generator as
// `break` would.
import { callSoon, cancellable, Future, type Handle, type WaitOptions } from '../core/index.ts';
import type { FromWorker } from './protocol.ts';

/** The maximum number of items that are sent together. */
const BATCH = 32;

type Generator = AsyncIterator<unknown> | Iterator<unknown>;

/** How the parts of a stream are sent. */
interface StreamPort {
  post(message: FromWorker): void;
  /** Throws if the items cannot be cloned. */
  items(items: unknown[]): void;
}

/** Whether the result of a job is to be sent as a stream. */
export function isGenerator(value: unknown): value is Generator {
  if (typeof value !== 'object' || value === null) return false;
  const { next } = value as { readonly next?: unknown };
  return typeof next === 'function' && (Symbol.asyncIterator in value || Symbol.iterator in value);
}

/** The credit of a stream. */
export class Stream {
  #credit = 0;
  #stopped = false;
  #more = new Future<void>();

  get stopped(): boolean {
    return this.#stopped;
  }

  add(items: number): void {
    this.#credit += items;
    this.#more.answer();
  }

  stop(): void {
    this.#stopped = true;
    this.#more.answer();
  }

  /** Waits until an item may be made. Resolves to false if no more are wanted. */
  async take(options: WaitOptions | undefined): Promise<boolean> {
    while (!this.#stopped && this.#credit === 0) {
      this.#more = new Future();
      await cancellable(this.#more, options);
    }
    this.#credit--;
    return !this.#stopped;
  }

  get hasCredit(): boolean {
    return this.#credit > 0;
  }
}

/**
 * The items of a stream that were made and not sent. They are sent when there are BATCH of them,
 * and at the latest a turn after the first: a slow generator does not hold back what it has made.
 */
class Batch {
  #items: unknown[] = [];
  #timer: Handle | undefined = undefined;
  /** Why the items of an earlier turn could not be sent. */
  #failure: { readonly error: unknown } | undefined = undefined;
  readonly #onFull: (items: unknown[]) => void;

  constructor(onFull: (items: unknown[]) => void) {
    this.#onFull = onFull;
  }

  add(item: unknown, isLast: boolean): void {
    this.#items.push(item);
    if (isLast || this.#failure !== undefined || this.#items.length >= BATCH) this.flush();
    else this.#timer ??= callSoon(() => this.#flushLater());
  }

  flush(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    const items = this.#items;
    this.drop();
    if (items.length > 0) this.#onFull(items);
  }

  #flushLater(): void {
    try {
      this.flush();
    } catch (error) {
      this.#failure = { error }; // for the next item, or the end
    }
  }

  drop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#items = [];
  }
}

/** Sends all items of a generator, and its end. */
export async function sendStream(
  id: number,
  generator: Generator,
  stream: Stream,
  port: StreamPort,
  options: WaitOptions | undefined,
): Promise<void> {
  port.post({ type: 'stream', id });
  const items = new Batch((batch) => port.items(batch));
  try {
    while (await stream.take(options)) {
      const { done, value } = await nextOf(generator, items);
      if (done === true) break;
      items.add(value, !stream.hasCredit);
    }
  } finally {
    if (stream.stopped) items.drop();
    await generator.return?.();
  }
  items.flush();
  port.post({ type: 'end', id });
}

/** The next item. If there is none because the generator throws, the items before it are sent first. */
async function nextOf(generator: Generator, items: Batch): Promise<IteratorResult<unknown>> {
  try {
    return await generator.next();
  } catch (error) {
    items.flush();
    throw error;
  }
}
