// feedParser: bytes from a reader to a parser that wants them pushed, with back-pressure.
import { describe } from '../base/index.ts';
import { cancellable, waiting, type WaitOptions } from '../core/index.ts';
import type { StreamReader } from './reader.ts';

/** A parser that is given chunks as they come: of HTTP, MQTT, Redis, ... */
export interface PushParser {
  /** Takes a chunk. When it returns a promise, the next chunk is read once that is fulfilled. */
  parse(chunk: Buffer): unknown;
}

/**
 * Gives everything that `reader` reads to `parser.parse`, chunk by chunk, until the end of the stream. The next chunk is read when
 * `parse` has returned, or its promise is fulfilled: so the parser's back-pressure reaches the peer. Cancelled, it has given every
 * byte that it read.
 * @returns how many bytes the parser was given
 * @throws what `parse` throws or rejects with; TypeError without a `parse`; as `read`; CancelledError
 *
 * @example
 * ```ts
 * import { feedParser, StreamReader } from 'maitre';
 * const reader = new StreamReader();
 * reader.feedData(Buffer.from('hello'));
 * reader.feedEof();
 * console.log(await feedParser(reader, { parse: (chunk) => console.log(String(chunk)) })); // hello 5
 * ```
 */
export function feedParser(reader: StreamReader, parser: PushParser, options?: WaitOptions): Promise<number> {
  return waiting(feed(reader, parser, options));
}

async function feed(reader: StreamReader, parser: PushParser, options: WaitOptions | undefined): Promise<number> {
  if (typeof (parser as PushParser | null | undefined)?.parse !== 'function') {
    throw new TypeError(`Cannot feed parser: expected an object with parse(chunk), got ${describe(parser)}`);
  }
  let bytes = 0;
  for await (const chunk of reader.chunks(options)) {
    bytes += chunk.length;
    const parsed = parser.parse(chunk);
    if (isPromise(parsed)) await cancellable(parsed, options);
  }
  return bytes;
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
