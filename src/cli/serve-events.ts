// What happens while `maitre serve` serves, as data. serve-here.ts emits these events. The lines on
// the terminal are one listener (serve-lines.ts), the JSON log is another (serve-json.ts), and a
// supervisor that reads the events of its workers can be a third.
//
// Every event is plain JSON: you can send it through a pipe or `process.send` as it is. No text in
// an event is escaped; a listener that prints it must escape it.
//
// Order:
// - `ready` comes once, before any client.
// - Each client has `opened`, then `ended`. A client that waited for a handler until the server
//   ended has both at its end.
// - `error` comes before the `ended` of its client.
// - `stopping` comes once, `stopped` once after it. A handler that ignores its cancel may end after
//   `stopped`, or with the process and without an event.
import type { Address, ShutdownReport } from '../index.node.ts';

export type ServeEvent = ReadyEvent | ClientOpenedEvent | ClientEndedEvent | ErrorEvent | StoppingEvent | StoppedEvent;

/** Receives events as they happen. It must not throw. */
export type ServeListener = (event: ServeEvent) => void;

/** The server listens. */
export interface ReadyEvent {
  readonly event: 'ready';
  /** The process that serves. */
  readonly pid: number;
  /** The file that is served, as the user typed it. */
  readonly file: string;
  readonly addresses: readonly Address[];
  /** Whether clients must speak TLS. */
  readonly tls: boolean;
}

/** The handler of a client begins. */
export interface ClientOpenedEvent extends ClientEvent {
  readonly state: 'opened';
}

/** The connection is closed and its handler has ended. */
export interface ClientEndedEvent extends ClientEvent {
  readonly state: 'ended';
  readonly outcome: 'done' | 'failed' | 'lost' | 'cancelled';
  /** With `failed` and `lost`: the first line of the error's message. */
  readonly reason?: string;
  /** Milliseconds since the handler began. */
  readonly ms: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

interface ClientEvent {
  readonly event: 'client';
  /** The number of the connection, unique in its process. */
  readonly id: number;
  readonly peer: Address;
}

/** A handler failed. A client that only left is not an error: its `ended` says `lost`. */
export interface ErrorEvent {
  readonly event: 'error';
  readonly id: number;
  readonly peer: Address;
  /** The error as `node:util` shows it, with its stack: several lines. */
  readonly error: string;
}

/** The server stopped accepting, and waits for its clients. */
export interface StoppingEvent {
  readonly event: 'stopping';
  /** How many clients are connected. */
  readonly clients: number;
  /** Milliseconds that they have to finish. */
  readonly grace: number;
}

/** The shutdown is over. */
export interface StoppedEvent {
  readonly event: 'stopped';
  /** How many connections ended in which way. */
  readonly report: ShutdownReport;
}
