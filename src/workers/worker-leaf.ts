// The port between the crew, which decides which workers live, and a leaf, which makes them: threads
// or processes. A WorkerLeaf is one worker from its start to its end.
//
// States: STARTING -(loaded)-> LISTENING -(ready)-> SERVING -(drain)-> DRAINING -> GONE
//   Any state -> GONE, when it exits, crashes or is killed. GONE is told once, by `onGone`.
//
// A leaf does what it is told and reports what happened. It decides nothing.
import type { Address, PassedHandle, ShutdownReport } from '../net/index.ts';
import type { DrainOrder, ListenRequest, WorkerFailure, WorkerPulse } from './protocol.ts';
import type { ServeEvent } from './serve/serve-events.ts';

/** Called by a leaf. None of them may throw. */
export interface LeafEvents {
  /** The worker wants to listen. Answer with `leaf.listening` or `leaf.refused`. */
  onListen(request: ListenRequest): void;
  /** It closed a server: no client of this key may be sent to it any more. */
  onUnlisten(key: number): void;
  /** FILE is loaded, it listens, and its `ready` has passed. Once. */
  onReady(): void;
  /** It could not load, listen or become ready. `onGone` follows. */
  onFailed(failure: WorkerFailure): void;
  /** It took a client over: its handle in the supervisor was closed. */
  onTook(client: number): void;
  /** A client that it took is gone. */
  onLeft(client: number): void;
  /** What it serves: see serve-events.ts. */
  onEvent(event: ServeEvent): void;
  /** Its loop turns. */
  onPulse(pulse: WorkerPulse): void;
  /** It exits: clients that are sent to it now may be lost. `onGone` follows. */
  onEnds(): void;
  /** Any other message, by its type: what other parts of the room send to each other (see `post`). */
  onMessage(type: string, body: unknown): void;
  /** All its clients are gone, and it exits. */
  onDrained(report: ShutdownReport): void;
  /** It is gone. `error` is why, if it did not exit by itself after `drain`. Once, and last. */
  onGone(error: Error | undefined, clients: readonly number[]): void;
}

/** A client on its way to a worker. */
export interface ClientToSend {
  /** Its number in the supervisor. */
  readonly id: number;
  /** Of the server in the worker. */
  readonly key: number;
  /** Accepted; nothing was read from it. */
  readonly handle: PassedHandle;
  /** Of the Unix socket that it is connected to. */
  readonly path?: string | undefined;
}

/** One worker. */
export interface WorkerLeaf {
  /** The pid, or `pid:thread` of a thread, for people. */
  readonly place: string;
  listening(key: number, addresses: readonly Address[]): void;
  refused(key: number, error: Error): void;
  /**
   * Hands a client over. Returns false if that is impossible at once (it is gone): its handle is
   * untouched. `lost` is called at most once, if the worker did not take the client: because it has
   * closed that server, or before `onGone`. It gets the handle where that is still here, so that
   * another worker can serve the client. Threads take sockets away, so it is not.
   */
  send(client: ClientToSend, lost: (handle: PassedHandle | undefined) => void): boolean;
  /** Sends a message to the worker's `onMessage` of the same type. */
  post(type: string, body: unknown): void;
  drain(order: DrainOrder): void;
  /** Ends it at once, with all its clients. */
  kill(): void;
}

/** Makes workers. */
export interface LeafMaker {
  readonly kind: 'threads' | 'processes';
  /** @param place 1 to the number of workers: whoever replaces it has the same */
  make(id: number, events: LeafEvents, place: number): WorkerLeaf;
}
