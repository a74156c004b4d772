// Accepting below net.Server: each client comes as a RawWire.
import type { Server as NetServer } from 'node:net';
import { type Address, toAddress } from '../address.ts';
import { handleOf, type ListeningHandle, type RawHandle, type SystemAddress, systemError } from './handle.ts';
import { RawWire } from './wire.ts';

export interface RawAcceptOptions {
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  /**
   * The address that the listening socket is bound to. It is the clients' local address, unless it
   * means all interfaces.
   */
  readonly bound: Address;
}

/**
 * Calls `accept.onWire` for each client, instead of emitting 'connection'. Returns false where that
 * is not possible.
 */
export function acceptRaw(
  server: NetServer,
  options: RawAcceptOptions,
  accept: { onWire(wire: RawWire): void; onError(error: Error): void },
): boolean {
  const listening = handleOf(server) as ListeningHandle | undefined; // see the header
  if (typeof listening?.onconnection !== 'function') return false;
  const { bound, noDelay, keepAlive } = options;
  const local = 'path' in bound || isWildcard(bound.address) ? undefined : bound;
  listening.onconnection = (status, client) => {
    if (client === undefined) {
      accept.onError(systemError(status, 'accept'));
      return;
    }
    if (keepAlive) client.setKeepAlive?.(true, 0);
    const addresses =
      'path' in bound
        ? { peer: bound, local: bound }
        : { peer: ask(client, 'getpeername'), local: local ?? ask(client, 'getsockname') };
    accept.onWire(new RawWire(client, addresses, noDelay));
  };
  return true;
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function ask(handle: RawHandle, what: 'getpeername' | 'getsockname'): Address {
  const answer: SystemAddress = {};
  handle[what]?.(answer);
  return toAddress(answer.address, answer.port);
}
