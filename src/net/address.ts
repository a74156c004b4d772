// Where an end of a connection is.
import type { Socket } from 'node:net';
import { escapeControl } from '../base/index.ts';
import { InvalidStateError } from '../core/index.ts';

export type Address =
  | { readonly address: string; readonly port: number; readonly family: 'IPv4' | 'IPv6' }
  | { readonly path: string };

/** The two ends of a connection. */
export interface Addresses {
  readonly peer: Address;
  readonly local: Address;
}

/**
 * `127.0.0.1:8002`, `[::1]:8002`, or the path of a Unix socket, `@name` if it is an abstract one. Control characters are
 * escaped: a path may hold any, and one that came in a PROXY header was somebody else's choice.
 */
export function formatAddress(address: Address): string {
  if ('path' in address) {
    return address.path === '' ? '(unnamed Unix socket)' : escapeControl(address.path.replaceAll('\0', '@'));
  }
  const host = escapeControl(address.address);
  return address.family === 'IPv6' ? `[${host}]:${address.port}` : `${host}:${address.port}`;
}

/** An address as an operating system gives it; IPv4 in IPv6's clothes (`::ffff:1.2.3.4`) is IPv4. */
export function toAddress(address: string | undefined, port: number | undefined): Address {
  if (address === undefined) return { address: '', port: 0, family: 'IPv4' }; // the peer was gone before it could be asked
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return { address: mapped, port: port ?? 0, family: 'IPv4' };
  return { address, port: port ?? 0, family: address.includes(':') ? 'IPv6' : 'IPv4' };
}

/**
 * The two ends of a socket, asked now: after the end of a connection the system no longer knows them.
 * @param path of the Unix socket it is connected to: net does not tell
 */
export function addressesOf(socket: Socket, path: string | undefined): Addresses {
  if (path !== undefined) return { peer: { path }, local: { path } };
  return {
    peer: toAddress(socket.remoteAddress, socket.remotePort),
    local: toAddress(socket.localAddress, socket.localPort),
  };
}

/** True of a TCP peer that was gone before it could be asked for its address. */
export function isUnknown(peer: Address): boolean {
  return 'address' in peer && peer.address === '';
}

/** The TCP port that all of a server's addresses share. @throws InvalidStateError when there is none, or several */
export function onlyPort(addresses: readonly Address[], serverState: string): number {
  const ports = new Set(addresses.flatMap((address) => ('port' in address ? [address.port] : [])));
  const [port, ...more] = ports;
  if (port !== undefined && more.length === 0) return port;
  const many = port === undefined ? 'it has none' : `it has ${[...ports].join(' and ')}`;
  const state = serverState === 'serving' ? many : `it is ${serverState}`;
  throw new InvalidStateError(`Cannot tell the port of the server: ${state}, and it must listen on one TCP port`);
}
