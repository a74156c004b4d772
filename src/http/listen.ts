// A listener of node:http as a handler: its task lasts until the response has ended, whoever ends
// it, and whenever.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { beginWait, Wait } from '../core/index.ts';
import { type HttpRequestInfo, noteMessage } from './request-info.ts';

/** A listener of node:http's 'request' event. An Express app is one. */
export type NodeListener = (incoming: IncomingMessage, outgoing: ServerResponse) => unknown;

/** A request that a listener answers. */
export interface Listened extends HttpRequestInfo {
  /** Whether nothing can be sent any more. */
  readonly isClosed: boolean;
  /** Called before the head is written. */
  maybeClose(): void;
}

/** Calls the listener. Returns when the response has ended. @throws what the listener throws */
export async function listen(exchange: Listened, listener: NodeListener): Promise<void> {
  const { incoming, outgoing } = exchange;
  noteMessage(incoming, exchange);
  exchange.maybeClose();
  const returned = listener(incoming, outgoing);
  // An async listener that fails has answered nothing more. One that returns may answer later.
  if (isThenable(returned)) await returned;
  if (outgoing.writableFinished || exchange.isClosed) return;
  await (beginWait() ?? new ResponseWait(exchange).promise);
}

/** Waits for the end of a response. */
class ResponseWait extends Wait<void> {
  readonly #exchange: Listened;

  constructor(exchange: Listened) {
    super('response.end', exchange.connection);
    this.#exchange = exchange;
    exchange.outgoing.on('close', this.#onEnd).on('finish', this.#onEnd);
  }

  protected override withdraw(): void {
    this.#leave();
  }

  #leave(): void {
    this.#exchange.outgoing.off('close', this.#onEnd).off('finish', this.#onEnd);
  }

  readonly #onEnd = (): void => {
    this.#leave();
    this.answer();
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
