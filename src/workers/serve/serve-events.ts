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
// - Over HTTP, each request has a `request` at its end, and there are no `client` events.
// - `error` comes before the `ended` of its client, or the `request`.
// - `stopping` comes once, `stopped` once after it. A handler that ignores its cancel may end after
//   `stopped`, or with the process and without an event.
import type { AccessEntry } from '../../http/index.ts';
import type { Address, ShutdownReport } from '../../net/index.ts';

export type ServeEvent =
  | ReadyEvent
  | ClientOpenedEvent
  | ClientEndedEvent
  | RequestEvent
  | ErrorEvent
  | StoppingEvent
  | StoppedEvent;

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
  /** Set when FILE is an app that is served over HTTP. */
  readonly http?: true;
  /** How many workers serve; undefined where the process serves by itself. */
  readonly workers?: number;
  /** With `--inspect`. */
  readonly inspector?: Inspected;
}

/** How to look into the process. */
export interface Inspected {
  /** The path of the control socket. */
  readonly socket: string | undefined;
  /** The address of the page, for one visitor; undefined where it would end up in a log. */
  readonly page: string | undefined;
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

/** A request over HTTP has ended. Its `id` is the id of the request. */
export interface RequestEvent extends Omit<AccessEntry, 'at'> {
  readonly event: 'request';
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
  /** The number of the connection; 0 where it is not known. */
  readonly id: number;
  /** Undefined where it is not known. */
  readonly peer: Address | undefined;
  /** Over HTTP: `GET /orders`. */
  readonly request?: string;
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
