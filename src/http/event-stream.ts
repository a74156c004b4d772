// eventStream(): answers a request with server-sent events from an async iterable.
import {
  type Checks,
  checkOptions,
  describe,
  disposable,
  integer,
  isObject,
  ofType,
  positiveMs,
  wrongValue,
} from '../base/index.ts';
import { formatEvent, HEARTBEAT, type ServerSentEvent } from './event-stream-frames.ts';
import { EventStream } from './event-stream-pump.ts';
import { exchangeOf } from './exchange.ts';

/** The options of `eventStream`. */
export interface EventStreamOptions {
  /** Milliseconds after which a client that lost the connection tries again. Default: it decides. */
  readonly retry?: number | undefined;
  /**
   * Milliseconds without an event after which a comment is sent, so that nothing on the way takes the
   * connection for dead. Infinity: none. Default 15,000.
   */
  readonly heartbeat?: number | undefined;
  /** What the source function receives. Default: the header `Last-Event-ID` of the request. */
  readonly lastEventId?: string | undefined;
  /** Headers of the response, besides its own. Default none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** Where events come from: an async iterable, or a function that returns one. */
export type EventSourceOf =
  | AsyncIterable<ServerSentEvent | string>
  | ((lastEventId: string | undefined) => AsyncIterable<ServerSentEvent | string>);

const ACTION = 'send events';

/** The checks for every option of eventStream(). */
export const EVENT_STREAM: Checks<EventStreamOptions> = {
  retry: integer(0),
  heartbeat: positiveMs,
  lastEventId: ofType('string', 'a string', () => true),
  headers: (action, name, value) => {
    if (!isObject(value)) throw wrongValue(action, name, 'an object', value);
  },
};

/**
 * Answers a request with server-sent events: return the Response from the handler of the request. An
 * event is taken from the source when the client reads, and never before, so a slow client stops its
 * source. The source runs in a task of its own, named `events /path`.
 *
 * - When the client leaves, and when the server shuts down, that task is cancelled: what the source
 *   waits for ends, and its `return()` is called, once. Its `finally` runs.
 * - When the source ends, so does the response. When it throws, the response is cut, so that the
 *   client sees that it is not complete, and the error goes to the server.
 * - A browser that lost the connection connects again, with the `id` of the last event it has. A
 *   source that is a function receives that, and can go on from there.
 *
 * Works over HTTP/1 and HTTP/2, and in Hono. With another server than `serveHttp` a shutdown does not
 * end it.
 * @param request the request to answer
 * @param source an async iterable of events, or of strings, which are the data of events; or a
 * function that returns one. Use a function for what has to be released: it is not called if nobody
 * reads the response
 * @throws TypeError, RangeError for wrong arguments
 *
 * @example
 * ```ts
 * import { every } from 'maitre';
 * import { eventStream } from 'maitre/http';
 * async function* clock(lastEventId?: string) {
 *   let n = Number(lastEventId ?? 0);
 *   for await (const _ of every(1000)) yield { id: String(++n), event: 'tick', data: new Date().toISOString() };
 * }
 * const answer = (request: Request): Response => eventStream(request, clock);
 * console.log(answer.length); // await serveHttp(answer, { port: 8080 })
 * ```
 */
export function eventStream(request: Request, source: EventSourceOf, options: EventStreamOptions = {}): Response {
  checkOptions(ACTION, options, EVENT_STREAM);
  const isFunction = typeof source === 'function';
  if (!isFunction && typeof (source as Partial<typeof source> | null)?.[Symbol.asyncIterator] !== 'function') {
    throw new TypeError(
      `Cannot ${ACTION}: expected an async iterable or a function that returns one, got ${describe(source)}`,
    );
  }
  const { retry, heartbeat = 15_000, lastEventId = request.headers.get('last-event-id') ?? undefined } = options;
  const headers = new Headers(options.headers);
  headers.set('content-type', 'text/event-stream; charset=utf-8');
  headers.set('cache-control', 'no-cache, no-transform'); // compression would hold events back
  headers.set('x-accel-buffering', 'no'); // and so would nginx
  const exchange = exchangeOf(request);
  const stream = new EventStream({
    open: isFunction ? () => source(lastEventId) : () => source,
    isOpen: !isFunction,
    heartbeat,
    start: retry === undefined ? HEARTBEAT : formatEvent({ retry }),
    taskName: `events ${new URL(request.url).pathname}`,
    parent: exchange?.connection,
  });
  if (exchange === undefined) {
    const onAbort = (): void => stream.cancel();
    request.signal.addEventListener('abort', onAbort);
    stream.atEnd(disposable(() => request.signal.removeEventListener('abort', onAbort)));
  } else {
    exchange.withoutTimeout();
    stream.atEnd(exchange.onShutdown((order) => stream.shutDown(order)));
  }
  const body = new ReadableStream<Uint8Array>(
    { pull: (controller) => stream.pull(controller), cancel: () => stream.cancel() },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers });
}
