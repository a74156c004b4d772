// Sends a Response through node:http.
//
// What is known whole (text, bytes, nothing) is sent in one call, which does not wait. A stream is
// sent chunk by chunk: each waits until the one before it has left, in the task of the request. So a
// client that stops reading stops the stream, and one that leaves cancels it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { cancellable, Wait } from '../core/index.ts';
import type { Connection } from '../net/index.ts';
import { AppResponse, type HeadersInit } from './app-response.ts';
import { bodyLost } from './request-error.ts';

/** A request that is answered. */
export interface Answered {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly connection: Connection | undefined;
  readonly isHttp2: boolean;
  /** Whether nothing can be sent any more. */
  readonly isClosed: boolean;
  /** Bytes of the body so far. */
  bytes: number;
  /** Calls `fn` in the context of the request's task. */
  inTask<R>(fn: () => R): R;
  /** Called before the head is written. */
  maybeClose(): void;
  /** Called after something was written. */
  sent(bytes: number): void;
}

const TEXT = 'text/plain;charset=UTF-8';
/** Headers of one connection, which HTTP/2 does not have. */
const OF_CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/**
 * Sends a Response. Returns undefined when all was passed on, else a promise for that. Throws what
 * node:http or the Fetch Standard do not allow in it, before anything was sent.
 */
export function sendResponse(exchange: Answered, response: Response): Promise<void> | undefined {
  const parts = AppResponse.partsOf(response);
  if (parts === undefined) return sendNative(exchange, response);
  const { status, statusText, headers, body, isText } = parts;
  if (body instanceof ReadableStream)
    return exchange.inTask(() => sendStream(exchange, status, statusText, linesOf(headers), body));
  const length = body === null ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
  const lines = headers === undefined ? [] : linesOf(headers);
  if (isText && (headers === undefined || !has(lines, 'content-type'))) lines.push('Content-Type', TEXT);
  // An answer to HEAD may leave it out. So must one that has no body by its status.
  const knowsLength = body !== null || (exchange.incoming.method !== 'HEAD' && status !== 204 && status !== 304);
  if (knowsLength && (headers === undefined || !has(lines, 'content-length')))
    lines.push('Content-Length', `${length}`);
  exchange.bytes = length;
  writeHead(exchange, status, statusText, lines);
  if (body === null) exchange.outgoing.end();
  else exchange.outgoing.end(body);
  exchange.sent(length);
  return undefined;
}

function sendNative(exchange: Answered, response: Response): Promise<void> | undefined {
  const { status, statusText, headers, body, bodyUsed } = response;
  if (bodyUsed) throw new TypeError('Cannot send the response: its body was read already');
  const lines = linesOf(headers);
  if (body !== null) return exchange.inTask(() => sendStream(exchange, status, statusText, lines, body));
  if (exchange.incoming.method !== 'HEAD' && status !== 204 && status !== 304 && !has(lines, 'content-length'))
    lines.push('Content-Length', '0');
  writeHead(exchange, status, statusText, lines);
  exchange.outgoing.end();
  exchange.sent(0);
  return undefined;
}

/** Headers as node:http takes them: names and values in turn. Cookies are several lines. */
function linesOf(init: HeadersInit | undefined): string[] {
  const lines: string[] = [];
  if (init === undefined) return lines;
  if (init instanceof Headers) {
    for (const [name, value] of init) lines.push(name, value);
  } else if (Symbol.iterator in init) {
    for (const [name, value] of new Headers(init)) lines.push(name, value);
  } else {
    for (const name of Object.keys(init)) lines.push(name, String(init[name]));
  }
  return lines;
}

function has(lines: readonly string[], name: string): boolean {
  for (let i = 0; i < lines.length; i += 2) {
    const each = lines[i] as string; // i < length
    if (each.length === name.length && each.toLowerCase() === name) return true;
  }
  return false;
}

/** Writes the head. From now on the status is settled. */
function writeHead(exchange: Answered, status: number, text: string | undefined, lines: string[]): void {
  const { outgoing } = exchange;
  if (exchange.isHttp2) {
    outgoing.writeHead(status, forHttp2(lines));
    return;
  }
  exchange.maybeClose();
  if (text === undefined || text === '') outgoing.writeHead(status, lines);
  else outgoing.writeHead(status, text, lines);
}

function forHttp2(lines: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (let i = 0; i < lines.length; i += 2) {
    const name = (lines[i] as string).toLowerCase(); // i < length
    const value = lines[i + 1] as string; // pairs
    if (OF_CONNECTION.has(name)) continue;
    const before = headers[name];
    headers[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  return headers;
}

async function sendStream(
  exchange: Answered,
  status: number,
  text: string | undefined,
  lines: string[],
  body: ReadableStream<Uint8Array>,
): Promise<void> {
  const { outgoing } = exchange;
  const reader = body.getReader(); // throws for a locked one, before anything is sent
  try {
    writeHead(exchange, status, text, lines);
    if (exchange.incoming.method === 'HEAD') {
      reader.cancel().catch(ignore);
      outgoing.end();
      return;
    }
    let next = reader.read();
    // A stream that has nothing yet may have nothing for long: its client waits for the head.
    if (!(await isSoon(next))) outgoing.flushHeaders();
    for (;;) {
      const { done, value } = await cancellable(next);
      if (done) break;
      exchange.bytes += value.byteLength;
      if (!outgoing.write(value)) await drain(exchange);
      if (exchange.isClosed) throw bodyLost();
      next = reader.read();
    }
    outgoing.end();
    exchange.sent(1);
  } catch (error) {
    reader.cancel(error).catch(ignore); // of a source that fails in its cancel(), there is nobody to tell
    throw error;
  }
}

/** Whether a promise is settled within a few microtasks. */
async function isSoon(promise: Promise<unknown>): Promise<boolean> {
  let isThere = false;
  const note = (): void => void (isThere = true);
  promise.then(note, note);
  for (let i = 0; i < 4 && !isThere; i++) await Promise.resolve();
  return isThere;
}

function drain(exchange: Answered): Promise<void> {
  exchange.sent(1);
  return new DrainWait(exchange).promise;
}

/** Waits until what was written has left, or the client. */
class DrainWait extends Wait<void> {
  readonly #outgoing: ServerResponse;

  constructor({ outgoing, connection, isClosed }: Answered) {
    super('response.drain', connection);
    this.#outgoing = outgoing;
    if (isClosed) this.fail(bodyLost());
    else outgoing.on('drain', this.#onDrain).on('close', this.#onClose);
  }

  protected override withdraw(): void {
    this.#leave();
  }

  #leave(): void {
    this.#outgoing.off('drain', this.#onDrain).off('close', this.#onClose);
  }

  readonly #onDrain = (): void => {
    this.#leave();
    this.answer();
  };

  readonly #onClose = (): void => {
    this.#leave();
    this.fail(bodyLost());
  };
}

function ignore(): void {}
