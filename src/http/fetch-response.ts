// Ties the body of a response to its exchange: whoever reads it waits as everywhere in maitre, and
// its end is the end of the exchange.
//
// The response remains the platform's own object, so that it is a Response for everyone. Own
// properties stand before its methods:
// - `text()` and the like read in a wait of the caller.
// - `body` is a stream over the platform's, with nothing buffered in between. Its `pull` runs in the
//   call of `read()`, and so in the task that reads: it can wait there. The platform's body is locked
//   at the first read only, so looking at `body` does not make `text()` fail.
// - `clone()` ties the clone to the same exchange.
// - `using` gives up what was not read.
import type { ReadableStreamReadResult } from 'node:stream/web';
import { InvalidStateError } from '../core/index.ts';

/**
 * A Response whose body is read in cancellable waits. Disposing of it ends a request whose body
 * nobody has read to its end. It does nothing once `text()` or the like was called.
 */
export type FetchResponse = Response & Disposable;

type Reader = () => Promise<unknown>;

/** The exchange of a response, as its bodies see it. */
export interface OpenExchange {
  /** `GET http://kitchen/menu`, for messages. */
  readonly name: string;
  /** Counts a body: that of the response, or of a clone. Undone by `closed`. */
  opened(): void;
  /** Called at the end of each body. */
  closed(): void;
  /** Ends it, whatever its state. What still reads a body rejects. Idempotent. */
  abort(): void;
  /** Waits for a part of a body. A cancel, or a deadline of the body, ends the exchange. */
  read<T>(part: () => Promise<T>): Promise<T>;
}

/**
 * Guards a response, whose body the caller has counted with `exchange.opened()`. Reports the end of
 * the body to the exchange once.
 */
export function guardResponse(response: Response, exchange: OpenExchange): FetchResponse {
  const body = new GuardedBody(response, exchange);
  const { text, arrayBuffer, blob, bytes, headers } = response as Response & { readonly bytes?: Reader };
  define(response, 'text', () => body.readAll(text));
  define(response, 'arrayBuffer', () => body.readAll(arrayBuffer));
  define(response, 'blob', () => body.readAll(blob));
  if (bytes !== undefined) define(response, 'bytes', () => body.readAll(bytes)); // since Node 22
  // In two steps, so that an error of the text is not taken for one of the network.
  define(response, 'json', async () => JSON.parse((await body.readAll(text)) as string)); // text() returns one
  define(response, 'formData', async () => {
    const content = (await body.readAll(arrayBuffer)) as ArrayBuffer; // arrayBuffer() returns one
    return new Response(content, { headers }).formData();
  });
  const clone = response.clone.bind(response);
  define(response, 'clone', () => {
    const copy = clone();
    exchange.opened();
    return guardResponse(copy, exchange);
  });
  // Under the name of the getter of the prototype.
  Object.defineProperty(response, 'body', { configurable: true, get: () => body.stream() });
  define(response, Symbol.dispose, () => body.giveUp());
  body.closeIfEmpty();
  return response as FetchResponse; // it has everything now
}

function define(response: Response, name: string | symbol, value: unknown): void {
  Object.defineProperty(response, name, { configurable: true, writable: true, value });
}

/** The body of one response. It is the source of the stream that users see. */
class GuardedBody {
  // Keeps the response from being collected while only its stream is in use.
  readonly #response: Response;
  readonly #exchange: OpenExchange;
  readonly #original: () => ReadableStream<Uint8Array<ArrayBuffer>> | null;
  #stream: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  #isClosed = false;
  /** True once `text()` or the like reads it. */
  #isRead = false;
  readonly type = 'bytes';

  constructor(response: Response, exchange: OpenExchange) {
    this.#response = response;
    this.#exchange = exchange;
    // Past the property that guardResponse defines.
    const prototype = Object.getPrototypeOf(response) as object;
    this.#original = () => Reflect.get(prototype, 'body', response) as ReadableStream<Uint8Array<ArrayBuffer>> | null; // Response.body
  }

  /** The end of the body, however it came. Idempotent. */
  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#exchange.closed();
  }

  /** Nothing will come, so nobody needs to read it. */
  closeIfEmpty(): void {
    const { headers } = this.#response;
    if (this.#original() === null || headers.get('content-length') === '0') this.#close();
  }

  async readAll(original: Reader): Promise<unknown> {
    this.#checkUnread();
    if (this.#isClosed) return original.call(this.#response); // it is empty
    this.#isRead = true;
    return this.#endAfter(() => original.call(this.#response), true);
  }

  /** Reads a part of the body. An error, and the last part, are its end. */
  async #endAfter<T>(part: () => Promise<T>, isLast: boolean): Promise<T> {
    try {
      const value = await this.#exchange.read(part);
      if (isLast) this.#close();
      return value;
    } catch (error) {
      this.#abort();
      throw error;
    }
  }

  #abort(): void {
    this.#isClosed = true;
    this.#exchange.abort();
  }

  #checkUnread(): void {
    const { bodyUsed } = this.#response;
    if (!bodyUsed && this.#original()?.locked !== true && this.#stream?.locked !== true) return;
    throw new InvalidStateError(`Cannot read the body of ${this.#exchange.name}: it was read before`);
  }

  /** Ends the exchange, unless the body is at its end, or `text()` or the like is on its way there. */
  giveUp(): void {
    if (!this.#isClosed && !this.#isRead) this.#abort();
  }

  stream(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    if (this.#original() === null) return null;
    return (this.#stream ??= new ReadableStream(this));
  }

  /** Called by the stream when somebody reads. */
  async pull(controller: ReadableByteStreamController): Promise<void> {
    const reader = (this.#reader ??= this.#open());
    const { done, value } = await this.#endAfter(() => nextChunk(reader), false);
    if (!done) {
      controller.enqueue(value);
      return;
    }
    this.#close();
    controller.close();
    controller.byobRequest?.respond(0); // a pending read into a buffer ends too
  }

  /** Called by the stream when its reader gives up. */
  async cancel(reason: unknown): Promise<void> {
    try {
      this.#reader ??= this.#open();
      await this.#reader.cancel(reason);
    } finally {
      this.#close();
    }
  }

  #open(): ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> {
    const original = this.#original();
    if (original === null) throw new InvalidStateError('Cannot read the body: there is none'); // stream() looked
    return original.getReader();
  }
}

/** A stream of bytes takes no empty chunk. */
async function nextChunk(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
): Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>> {
  for (;;) {
    const next = await reader.read();
    if (next.done || next.value.byteLength > 0) return next;
  }
}
