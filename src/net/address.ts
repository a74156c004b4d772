// Where an end of a connection is.
import type { Socket } from 'node:net';
import { escapeControl } from '../base/index.ts';

export type Address =
  | { readonly address: string; readonly port: number; readonly family: 'IPv4' | 'IPv6' }
  | { readonly path: string };

/** The two ends of a connection. */
export interface Ends {
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

/** The paths of the Unix sockets that accepted ones came to: net does not tell, and a server may have several. */
const paths = new WeakMap<object, string>();

/** Notes the path for endsOf, also for a TLS socket around this one. */
export function setPath(socket: Socket, path: string): void {
  paths.set(socket, path);
}

/** The two ends of a socket, asked now: after the end of a connection the system no longer knows them. */
export function endsOf(socket: Socket, known: string | undefined): Ends {
  const inner = (socket as { _parent?: Socket | null })._parent ?? socket; // set by node:tls where it wraps a socket
  const path = known ?? paths.get(inner);
  if (path !== undefined) return { peer: { path }, local: { path } };
  return {
    peer: toAddress(socket.remoteAddress, socket.remotePort),
    local: toAddress(socket.localAddress, socket.localPort),
  };
}
