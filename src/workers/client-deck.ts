// The port between the crew and the deck: the deck owns the listening sockets and hands each client
// to a worker; the crew says which workers receive clients.
import type { Address } from '../net/index.ts';
import type { ListenRequest } from './protocol.ts';
import type { WorkerLeaf } from './worker-leaf.ts';

/** Hands clients to workers. */
export interface ClientDeck {
  /** What it listens on. Empty after `close`. */
  readonly addresses: readonly Address[];
  /** Opens or shares the listening socket that a worker wants. It stays until `close`. */
  open(worker: number, leaf: WorkerLeaf, request: ListenRequest): Promise<readonly Address[]>;
  /** A worker closed a server: it receives no more clients for it. */
  unlisten(worker: number, key: number): void;
  /** From now on the worker receives clients. */
  admit(worker: number): void;
  /** From now on it receives none. */
  retire(worker: number): void;
  /** A worker took a client over. */
  took(client: number): void;
  /** A client that was taken over is gone. */
  left(client: number): void;
  /**
   * A worker is gone. Returns how many clients ended with it; those that it had not taken go to
   * others.
   */
  gone(worker: number, clients: readonly number[]): number;
  /** How many clients a worker has. */
  connections(worker: number): number;
  statistics(): object;
  /** Stops listening. Clients that no worker has are dropped. Idempotent. */
  close(): void;
}
