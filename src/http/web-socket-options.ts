// The options of webSocket(), and their checks.
import {
  callback,
  type Check,
  type Checks,
  checkOptions,
  flag,
  isObject,
  listOf,
  notNegativeMs,
  wrongValue,
} from '../base/index.ts';
import type { WebSocket } from './web-socket.ts';
import { LIMITS, type WebSocketLimits } from './web-socket-limits.ts';

/** The options of `webSocket`. */
export interface WebSocketOptions extends WebSocketLimits {
  /** The subprotocols that the handler speaks, the best first. `socket.protocol` is the one taken. */
  readonly protocols?: readonly string[] | undefined;
  /**
   * The pages that may connect, by their `Origin`: those of the `same` host, `any`, or a list such
   * as `https://shop.example`. Others are refused with 403. A client without an Origin is no page,
   * and may connect. Default `same`.
   */
  readonly origins?: 'same' | 'any' | readonly string[] | undefined;
  /** Headers of the answer with status 101, such as cookies. Default none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * Offers permessage-deflate to the client. It costs about 300 kB for each client, and a short
   * message can become a long one. Default false.
   */
  readonly compression?: boolean | undefined;
  /**
   * Milliseconds that the handler may go on once the client has left, before it is cancelled. 0
   * cancels at once. Default 5,000 for a handler that has received or iterated, and so sees the end
   * there; 0 for one that never did.
   */
  readonly leaveGrace?: number | undefined;
  /**
   * Called with what the handler throws. Default: the exception handler. Not called when the handler
   * ends by a cancel, or by the loss of its own client.
   */
  readonly onError?: ((error: unknown, socket: WebSocket) => void) | undefined;
}

/** A token of HTTP, RFC 9110 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

const checkProtocol: Check = (action, name, value) => {
  if (typeof value !== 'string') throw wrongValue(action, name, 'an array of strings', value);
  if (!TOKEN.test(value)) throw wrongValue(action, name, 'an array of tokens of HTTP', value, 'string');
};

const checkOrigin: Check = (action, name, value) => {
  const expected = "'same', 'any' or an array of origins such as 'https://shop.example'";
  if (typeof value !== 'string') throw wrongValue(action, name, expected, value);
  if (!URL.canParse(value) || new URL(value).origin !== value)
    throw wrongValue(action, name, expected, value, 'string');
};

const checkHeaders: Check = (action, name, value) => {
  if (!isObject(value)) throw wrongValue(action, name, 'an object', value);
  for (const [header, text] of Object.entries(value)) {
    if (!TOKEN.test(header)) throw wrongValue(action, name, 'an object of headers', header, 'string');
    if (typeof text !== 'string') throw wrongValue(action, `${name}.${header}`, 'a string', text);
    if (/[\r\n\0]/.test(text)) throw wrongValue(action, `${name}.${header}`, 'a string of one line', text, 'string');
  }
};

/** The checks for every option of webSocket(). */
export const WEB_SOCKET: Checks<WebSocketOptions> = {
  ...LIMITS,
  protocols: listOf('an array of strings', checkProtocol),
  origins: (action, name, value) => {
    if (value === 'same' || value === 'any') return;
    listOf("'same', 'any' or an array of origins", checkOrigin)(action, name, value);
  },
  headers: checkHeaders,
  compression: flag,
  leaveGrace: notNegativeMs,
  onError: callback,
};

/** Checks the options of webSocket(). @throws TypeError, RangeError */
export function checkWebSocketOptions(options: unknown): void {
  checkOptions('upgrade to WebSocket', options, WEB_SOCKET);
}
