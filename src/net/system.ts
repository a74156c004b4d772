// The system port: everything that the gate and its servers need from the operating system. The
// entry modules of Node, Bun and Deno install it (system.node.ts). Elsewhere, as in browsers, none
// is installed: servers then have the clients that come in memory, and no option that needs more.
//
// The files that index.web.ts exports, and those they import, reach the system only through this
// port, and otherwise import only its types. test/meta/imports.test.ts holds them to it: none may
// reach a `node:` module.
//
// Rejected: the parts of the system as parameters of Server and Gate. Each user of a gate would
// have to pass on listening, TLS, descriptors, PROXY headers and two figures.
import { InvalidStateError } from '../core/index.ts';
import type { Terms } from './behind-balancer.ts';
import type { Connection } from './connection.ts';
import type { OnOut } from './descriptor-watch.ts';
import type { GateOptions } from './gate-options.ts';
import type { Accept, Listen, Listener } from './listener.ts';
import type { TlsAcceptor } from './secure.ts';
import type { SendQueues } from './send-queues.ts';
import type { ServerTlsOptions } from './tls-options.ts';
import type { Wire } from './wire.ts';

/** What a system implements. */
export interface System {
  /** Listens on what the options of a server name. */
  readonly listen: Listen;
  /** Whether descriptors are left. */
  readonly descriptors: DescriptorPort;
  /** TLS handshakes of servers. */
  readonly tls: TlsPort;
  /** Clients behind a balancer. */
  readonly balancer: BalancerPort;
  /** Reads what the kernel holds of what was sent. */
  readSendQueues(): SendQueues;
  /** Returns the bytes of memory that the process may use. */
  memory(): number;
}

/** The part of the port on descriptors: see descriptor-watch.ts. */
export interface DescriptorPort {
  /** Calls `fn` each time the process runs out, until disposed. */
  watch(fn: OnOut): Disposable;
  /** A client came. */
  clientCame(): void;
  /** An accept failed. Returns whether that was for want of a descriptor; the watch then reports it. */
  acceptFailed(error: Error): boolean;
}

/** The part of the port on TLS: see secure.ts. */
export interface TlsPort {
  /** @throws RangeError for a certificate or key that is not valid */
  makeAcceptor(options: ServerTlsOptions, handshakeTimeout: number | undefined): TlsAcceptor;
  /** Begins the handshake over a wire, which is then released. `onEnd` receives the wire over TLS. */
  accept(acceptor: TlsAcceptor, wire: Wire, onEnd: (outcome: Wire | Error) => void): void;
}

/** The part of the port on clients behind a balancer: see behind-balancer.ts. */
export interface BalancerPort {
  meet(connection: Connection, terms: Terms): Promise<boolean>;
  serveMet(connection: Connection, handler: () => unknown): Promise<unknown>;
}

/** The installed system; undefined where there is none. A live binding, read without a call. */
export let system: System | undefined;

/** Installs the system. Each entry module with sockets calls it. */
export function installSystem(candidate: System): void {
  system = candidate;
}

/** Listens for the servers of a worker: see listenBy(). */
export type ListenElsewhere = (options: GateOptions, accept: Accept) => Promise<readonly Listener[]>;

/** What listens in place of the system. Undefined: the system does. A live binding. */
export let elsewhere: ListenElsewhere | undefined;

/**
 * Makes all servers get their clients from `listen` instead of from listening sockets of their own.
 * In a worker, `listen` asks the supervisor, which has the sockets.
 *
 * Apart from installSystem(), so that it holds in whatever order the entry modules are loaded.
 */
export function listenBy(listen: ListenElsewhere): void {
  elsewhere = listen;
}

/** Whether a system is installed. */
export function hasSystem(): boolean {
  return system !== undefined;
}

/** Returns the installed system. @throws InvalidStateError where there is none */
export function requireSystem(action: string): System {
  if (system === undefined) throw new InvalidStateError(`Cannot ${action}: this host has no sockets`);
  return system;
}
