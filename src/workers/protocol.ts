// What the supervisor and a worker say to each other. Every message is plain JSON, beside the sockets
// that are sent with it, so that threads and processes speak the same words.
import type { Address, ServerOptions, ShutdownReport } from '../net/index.ts';
import type { ServeEvent } from './serve/serve-events.ts';

/** The options of a server in a worker that its supervisor applies, for all workers together. */
export type SharedOptions = Omit<ServerOptions, 'tls' | 'onError' | 'onEnd' | 'onRefused' | 'signal'>;

/** A server in a worker that wants clients. Servers with equal options share one listening socket. */
export interface ListenRequest {
  /** Made by the worker: unique in it. */
  readonly key: number;
  readonly options: SharedOptions;
}

/** Why a worker could not begin. */
export interface WorkerFailure {
  readonly step: 'load' | 'listen' | 'ready';
  /** One line for people. */
  readonly message: string;
  /** Its stack, or the lines of the file; several lines. */
  readonly detail?: string | undefined;
}

/** Sent by a worker every PULSE_EVERY ms: its loop turns. */
export interface WorkerPulse {
  /** Bytes: heap and external memory of a thread, resident memory of a process. */
  readonly memory: number;
  readonly connections: number;
}

/** What a worker is, and what it serves. */
export interface WorkerStart {
  /** Its number, from 1, never used again. */
  readonly id: number;
  /** The file that it loads, as the user typed it. */
  readonly file: string;
  /** Where the default export of the file is served, and how. */
  readonly server: ServerOptions;
  /** Whether no events about clients and requests are wanted. */
  readonly quiet: boolean;
  /** The address of the bundle from which it was started; absent without one. */
  readonly bundle?: string;
  /** What lets the inspector of the supervisor look into the worker; absent without one. */
  readonly seat?: object;
}

/** How a worker is told to end. */
export interface DrainOrder {
  /** Milliseconds that its clients have. */
  readonly grace: number;
  /** Why: the reason of their cancels. */
  readonly reason: 'reload' | 'shutdown';
}

/** Milliseconds between two pulses. */
export const PULSE_EVERY = 1000;

export type FromWorker =
  | { readonly type: 'listen'; readonly request: ListenRequest }
  | { readonly type: 'unlisten'; readonly key: number }
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly failure: WorkerFailure }
  | { readonly type: 'took'; readonly client: number }
  | { readonly type: 'left'; readonly client: number }
  /** It got a client for a server that it has closed, and did not take it. */
  | { readonly type: 'declined'; readonly client: number }
  /** The answer to `probe`, behind what it says of all clients that came before that. */
  | { readonly type: 'probed'; readonly last: number }
  /** It exits, whatever made it. A thread takes the clients with it that are sent to it from now on. */
  | { readonly type: 'ends' }
  /** An error that nobody caught ends it. */
  | { readonly type: 'fatal'; readonly message: string }
  | { readonly type: 'event'; readonly event: ServeEvent }
  | { readonly type: 'pulse'; readonly pulse: WorkerPulse }
  | { readonly type: 'message'; readonly name: string; readonly body: unknown }
  | { readonly type: 'drained'; readonly report: ShutdownReport };

export type ToWorker =
  | { readonly type: 'start'; readonly start: WorkerStart }
  | { readonly type: 'listening'; readonly key: number; readonly addresses: readonly Address[] }
  | { readonly type: 'refused'; readonly key: number; readonly code: string | undefined; readonly message: string }
  /** Comes with the socket. `path`: the Unix socket that the client is connected to. */
  | { readonly type: 'client'; readonly client: number; readonly key: number; readonly path?: string | undefined }
  /** Asks for `probed`: of the clients up to the `last`, those of which nothing is known then did not arrive. */
  | { readonly type: 'probe'; readonly last: number }
  | { readonly type: 'message'; readonly name: string; readonly body: unknown }
  | { readonly type: 'drain'; readonly order: DrainOrder };
