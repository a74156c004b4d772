// feedParser: pushes the bytes of a reader into a parser, with back-pressure.
import { describe } from '../base/index.ts';
import { cancellable, waiting, type WaitOptions } from '../core/index.ts';
import type { StreamReader } from './reader.ts';

/** A parser that takes chunks as they come: of HTTP, MQTT, Redis, ... */
export interface PushParser {
  /** Takes a chunk. If it returns a promise, the next chunk is read once that is fulfilled. */
  parse(chunk: Buffer): unknown;
}

/**
 * Passes everything that `reader` reads to `parser.parse`, chunk by chunk, until the end of the
 * stream. Reads the next chunk once `parse` has returned and its promise, if any, is fulfilled. So
 * a slow parser slows the peer. Cancellable; every byte that was read was passed on.
 * @returns the number of bytes passed to the parser
 * @throws what `parse` throws or rejects with
 * @throws TypeError if `parser` has no `parse`
 * @throws what `read` throws
 * @throws CancelledError
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
