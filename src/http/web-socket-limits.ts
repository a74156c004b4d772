// The options of a WebSocket that concern its connection, once it is made, and their checks.
import { anything, type Checks, integer, notNegativeMs, oneOf, positiveMs, wrongValue } from '../base/index.ts';
import type { ResourceOptions } from '../core/index.ts';

/** What concerns the connection itself, once it is made. */
export interface WebSocketLimits extends ResourceOptions {
  /**
   * Bytes: the longest message that a client may send. A longer one ends the connection with code
   * 1009. Default 1 MiB.
   */
  readonly maxMessage?: number | undefined;
  /** Bytes that may be unsent before `send` waits. Default 65,536. */
  readonly sendBuffer?: number | undefined;
  /**
   * Bytes that may be received and not read before the socket stops reading, so that the client
   * must wait. A message counts 64 bytes more than it has. Default 65,536.
   */
  readonly receiveBuffer?: number | undefined;
  /**
   * Milliseconds of silence after which the client is sent a ping. Infinity: no pings. Default
   * 20,000.
   */
  readonly heartbeat?: number | undefined;
  /** Milliseconds in which a ping must be answered, or the client counts as lost. Default 20,000. */
  readonly heartbeatTimeout?: number | undefined;
  /** Milliseconds without a message either way, after which it is closed. Default: no limit. */
  readonly idleTimeout?: number | undefined;
  /**
   * Milliseconds that a client has to answer a close and end the connection, before it is cut.
   * Default 5,000.
   */
  readonly closeTimeout?: number | undefined;
  /**
   * What iteration does when the client is lost without having closed: `throw` a
   * ConnectionLostError, or `end` as after a close. Default `throw`.
   */
  readonly whenLost?: 'throw' | 'end' | undefined;
}

/** The checks of these options. */
export const LIMITS: Checks<WebSocketLimits> = {
  maxMessage: integer(1),
  sendBuffer: integer(1),
  receiveBuffer: integer(1),
  heartbeat: positiveMs,
  heartbeatTimeout: positiveMs,
  idleTimeout: positiveMs,
  closeTimeout: notNegativeMs,
  whenLost: oneOf('throw or end'),
  name: anything,
};

/**
 * Checks the code and the reason of a close, which the protocol limits (RFC 6455, 7.4 and 5.5).
 * @throws TypeError, RangeError
 */
export function checkClose(code: unknown, reason: unknown): void {
  const action = 'close WebSocket';
  const expected = 'a code that may be sent: 1000 to 1014 without 1004 to 1006, or 3000 to 4999';
  const isRight = (value: number): boolean =>
    Number.isInteger(value) &&
    ((value >= 1000 && value <= 1014 && !(value >= 1004 && value <= 1006)) || (value >= 3000 && value <= 4999));
  if (typeof code !== 'number' || !isRight(code)) throw wrongValue(action, 'code', expected, code, 'number');
  if (typeof reason !== 'string') throw wrongValue(action, 'reason', 'a string', reason);
  if (Buffer.byteLength(reason) > 123) {
    throw new RangeError('Cannot close WebSocket: reason must have at most 123 bytes of UTF-8');
  }
}
