// Messages between processes. Node's channel writes JSON at half the cost of its other form, which
// copies as `structuredClone` does. So the messages that come with each client are JSON, and the
// others, which may have bytes or Infinity in them, are packed into a text.
//
// FILE may send messages of its own to its parent, such as `process.send('ready')`. Nobody receives them: what
// a worker says is in an envelope.
import { deserialize, serialize } from 'node:v8';
import type { FromWorker, ToWorker } from './protocol.ts';

/** Plain JSON, and many. */
const PLAIN: ReadonlySet<string> = new Set([
  ...['client', 'probe'],
  ...['took', 'left', 'declined', 'probed', 'event', 'pulse', 'ready', 'ends', 'fatal'],
]);

interface Packed {
  readonly type: 'packed';
  /** As node:v8 serializes it, in base64. */
  readonly data: string;
}

/** Makes JSON of a message. @throws Error if its body cannot be cloned */
export function pack<M extends FromWorker | ToWorker>(message: M): M | Packed {
  return PLAIN.has(message.type) ? message : { type: 'packed', data: serialize(message).toString('base64') };
}

/** Undoes pack(). */
export function unpack(message: unknown): FromWorker | ToWorker {
  const { type, data } = message as Packed; // what pack() has made
  if (type !== 'packed') return message as FromWorker | ToWorker; // as above
  return deserialize(Buffer.from(data, 'base64')) as FromWorker | ToWorker; // as above
}

/** What a worker sends, in a thread as in a process. */
export interface Envelope<M> {
  readonly maitre: M;
}

/** Opens what a worker, or FILE in it, has sent. Undefined if it is not from the worker. */
export function openEnvelope(sent: unknown): unknown {
  return (sent as Partial<Envelope<unknown>> | null | undefined)?.maitre ?? undefined; // FILE may send anything
}
