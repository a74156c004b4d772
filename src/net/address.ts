// Addresses of the ends of connections.
import type { Socket } from 'node:net';
import { escapeControl } from '../base/index.ts';
import { InvalidStateError } from '../core/index.ts';

/**
 * The address of one end of a connection: an IP address and a port, or the path of a Unix socket.
 */
export type Address =
  | { readonly address: string; readonly port: number; readonly family: 'IPv4' | 'IPv6' }
  | { readonly path: string };

/** The two ends of a connection. */
export interface Addresses {
  readonly peer: Address;
  readonly local: Address;
}

/**
 * Formats an address as `127.0.0.1:8002`, `[::1]:8002`, or the path of a Unix socket (`@name` for
 * an abstract one). Escapes control characters, because a path may contain any, and a path in a
 * PROXY header may come from anyone.
 *
 * @example
 * ```ts
 * import { formatAddress } from 'maitre';
 * console.log(formatAddress({ address: '::1', port: 8002, family: 'IPv6' })); // [::1]:8002
 * ```
 */
export function formatAddress(address: Address): string {
  if ('path' in address) {
    return address.path === '' ? '(unnamed Unix socket)' : escapeControl(address.path.replaceAll('\0', '@'));
  }
  const host = escapeControl(address.address);
  return address.family === 'IPv6' ? `[${host}]:${address.port}` : `${host}:${address.port}`;
}

/**
 * Makes an Address of what the system returned. An IPv4-mapped IPv6 address (`::ffff:1.2.3.4`)
 * becomes IPv4.
 */
export function toAddress(address: string | undefined, port: number | undefined): Address {
  if (address === undefined) return { address: '', port: 0, family: 'IPv4' }; // the peer left before
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return { address: mapped, port: port ?? 0, family: 'IPv4' };
  return { address, port: port ?? 0, family: address.includes(':') ? 'IPv6' : 'IPv4' };
}

/**
 * Returns the addresses of the two ends of a socket. Call it while the connection is open: after
 * its end, the system no longer knows them.
 * @param path the path of the Unix socket that it is connected to, which net does not know
 */
export function addressesOf(socket: Socket, path: string | undefined): Addresses {
  if (path !== undefined) return { peer: { path }, local: { path } };
  return {
    peer: toAddress(socket.remoteAddress, socket.remotePort),
    local: toAddress(socket.localAddress, socket.localPort),
  };
}

/** Whether a TCP peer was gone before the server could read its address. */
export function isUnknown(peer: Address): boolean {
  return 'address' in peer && peer.address === '';
}

/**
 * Returns the TCP port that all addresses share. @throws InvalidStateError when there is none, or
 * several
 */
export function onlyPort(addresses: readonly Address[], serverState: string): number {
  const ports = new Set(addresses.flatMap((address) => ('port' in address ? [address.port] : [])));
  const [port, ...more] = ports;
  if (port !== undefined && more.length === 0) return port;
  const many = port === undefined ? 'it has none' : `it has ${[...ports].join(' and ')}`;
  const state = serverState === 'serving' ? many : `it is ${serverState}`;
  throw new InvalidStateError(`Cannot tell the port of the server: ${state}, and it must listen on one TCP port`);
}
