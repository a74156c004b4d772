// Clients that one process accepts and another process or thread serves: the wire of such a client
// where it is accepted, its handle on the way, and its wire where it is served.
//
// A PassedWire is one while the client waits. pass() takes the handle out, to be sent. From then on
// the client ends when the other side says so: `left()`. Before it, when its wire closes.
//
// Its handle needs no more than Node's own channel between processes does: to be closed, and to be
// sent. So it works where hasRawIo() says no, too.
import { Socket } from 'node:net';
import { type Addresses, addressesOf, toAddress } from './address.ts';
import { NetWire } from './net-wire.ts';
import { handleOf, makeSocket, type RawHandle, type SystemAddress, takeHandle } from './raw/handle.ts';
import { RawWire } from './raw/wire.ts';
import type { Wire } from './wire.ts';

/** The handle of a client on its way. It stays open here until close(), or until it is moved. */
export class PassedHandle {
  /** For `process.send`. */
  readonly handle: object;

  constructor(handle: object) {
    this.handle = handle;
  }

  /** Makes a socket of it, to be moved to a thread. */
  toSocket(): Socket {
    return makeSocket(this.handle as RawHandle).pause(); // PassedWire makes no other
  }

  /** Closes this side's descriptor. Another process has its own. */
  close(): void {
    (this.handle as RawHandle).close(() => undefined); // as above
  }
}

/** A client that waits to be passed on, or was. */
export class PassedWire extends RawWire {
  #onLeft: (() => void) | undefined = undefined;

  /** @param from the wire of a client that was accepted just now, or its handle, which has come back */
  constructor(from: Wire | PassedHandle, addresses: Addresses) {
    super(handleIn(from), addresses);
    super.whenClosed(() => this.left());
  }

  /** Calls `fn` once when the client has left, wherever it is served. */
  override whenClosed(fn: () => void): void {
    const before = this.#onLeft;
    this.#onLeft = before === undefined ? fn : () => (before(), fn());
  }

  /** Takes the handle out. Undefined if the wire is closed. */
  pass(): PassedHandle | undefined {
    const handle = this.takeHandle();
    return handle === undefined ? undefined : new PassedHandle(handle);
  }

  /** The client has left: the side that serves it says so. Idempotent. */
  left(): void {
    const fn = this.#onLeft;
    this.#onLeft = undefined;
    fn?.();
  }
}

function handleIn(from: Wire | PassedHandle): RawHandle {
  if (from instanceof PassedHandle) return from.handle as RawHandle; // pass() made it
  // It was accepted just now, so it is open. TCP_NODELAY is set where it is served.
  return (from instanceof RawWire ? from.takeHandle() : takeHandle(from.release())) as RawHandle;
}

/** Options of receiveWire. */
export interface ReceiveOptions {
  /** The path of the Unix socket that the client is connected to. */
  readonly path: string | undefined;
  /** Whether it may be a RawWire. */
  readonly raw: boolean;
  /** Whether small writes are sent at once. */
  readonly noDelay: boolean;
}

/**
 * Makes the wire of a client that came from where it was accepted.
 * @param from a socket that a thread received, or the handle that a process received
 */
export function receiveWire(from: Socket | object, { path, raw, noDelay }: ReceiveOptions): Wire {
  const handle = (from instanceof Socket ? handleOf(from) : from) as RawHandle | undefined; // undefined: it is closed
  if (handle === undefined || !raw) {
    const socket = from instanceof Socket ? from : makeSocket(from as RawHandle).pause(); // what a process receives
    if (noDelay && path === undefined) socket.setNoDelay(true);
    return new NetWire(socket, addressesOf(socket, path));
  }
  const addresses =
    path === undefined
      ? { peer: ask(handle, 'getpeername'), local: ask(handle, 'getsockname') }
      : { peer: { path }, local: { path } };
  return new RawWire(from instanceof Socket ? takeHandle(from) : handle, addresses, noDelay);
}

function ask(handle: RawHandle, what: 'getpeername' | 'getsockname'): Addresses['peer'] {
  const answer: SystemAddress = {};
  handle[what]?.(answer);
  return toAddress(answer.address, answer.port);
}
