// Listening sockets: from the options' hosts to bound ports, or nothing bound at all.
import { lookup } from 'node:dns/promises';
import { createServer, isIP, type ListenOptions, type Server as NetServer, type Socket } from 'node:net';
import { reportException } from '../core/index.ts';
import { type Address, toAddress } from './address.ts';
import { makeRawSocket, type RawIo, systemError, takeConnections } from './raw-io.ts';
import type { ServerOptions } from './server-options.ts';
import { bindName, claimPath, clearPath } from './unix-path.ts';

/** Clients that wait: in the kernel until they are accepted, and then for a place among maxConnections. */
export const DEFAULT_BACKLOG = 4096;
/** How often a port the system chose for one address is tried on the others before it gives up. */
const PORT_TRIES = 8;
/** All interfaces, a socket per family. Deno takes no notice of ipv6Only: its `::` is both. */
const EVERYWHERE = 'deno' in process.versions ? ['::'] : ['0.0.0.0', '::'];
/** Families a machine may lack: skipped while another address can be bound. */
const ABSENT = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EPROTONOSUPPORT']);

export interface Listener {
  readonly address: Address;
  readonly server: NetServer;
  /** Stops listening; a Unix path is unlinked if it is still ours. */
  close(): void;
}

/** What is told of clients. */
export interface Accept {
  /** Of each one; nothing is read from it yet. */
  onSocket(socket: Socket): void;
  /** Of one that could not be accepted. */
  onError(error: Error): void;
  /** Makes sockets for the raw path, where there is one. */
  readonly io: RawIo | undefined;
}

/** Listens on everything the options name; on an error, on nothing. */
export async function listen(options: ServerOptions, accept: Accept): Promise<Listener[]> {
  if (options.reusePort === true) checkReusePort();
  if (options.path !== undefined) return [await listenOnPath(options, options.path, accept)];
  const hosts = await resolveHosts(options.host);
  for (let tries = 1; ; tries++) {
    try {
      return await listenOnHosts(options, hosts, accept);
    } catch (error) {
      // The port the system chose for the first address may be taken on another one: choose again.
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!taken || (options.port ?? 0) !== 0 || hosts.length === 1 || tries === PORT_TRIES) throw error;
    }
  }
}

async function listenOnHosts(options: ServerOptions, hosts: readonly string[], accept: Accept): Promise<Listener[]> {
  const listeners: Listener[] = [];
  let absent: unknown;
  let port = options.port ?? 0;
  try {
    for (const host of hosts) {
      try {
        const server = await bind(options, { host, port, ipv6Only: isIP(host) === 6 }, accept);
        const bound = server.address();
        if (bound === null || typeof bound === 'string') throw new Error(`Cannot listen on ${host}: no port was bound`);
        port = bound.port; // all addresses get the same one
        listeners.push({ address: toAddress(bound.address, bound.port), server, close: () => server.close() });
      } catch (error) {
        if (!ABSENT.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
        absent = error;
      }
    }
    if (listeners.length === 0) throw absent;
    return listeners;
  } catch (error) {
    for (const listener of listeners) listener.close();
    throw error;
  }
}

async function listenOnPath(options: ServerOptions, path: string, accept: Accept): Promise<Listener> {
  await clearPath(path);
  const bound = bindName(path);
  const server = await bind(options, { path: bound }, accept);
  try {
    const release = claimPath(bound, path);
    return {
      address: { path },
      server,
      close: () => {
        try {
          release();
        } catch (error) {
          reportException({ message: `Cannot remove the Unix socket ${path}`, error });
        }
        server.close();
      },
    };
  } catch (error) {
    server.close();
    throw error;
  }
}

function bind(options: ServerOptions, where: ListenOptions, accept: Accept): Promise<NetServer> {
  const { noDelay = true, keepAlive = false, backlog = DEFAULT_BACKLOG, reusePort = false } = options;
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay, keepAlive });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...where, backlog, ...(reusePort ? { reusePort } : undefined) }, () => {
      server.off('error', reject);
      server.on('error', (error) => accept.onError(error));
      server.on('connection', (socket) => accept.onSocket(socket));
      // With the raw path, clients come as handles and the 'connection' event stays silent.
      if (accept.io !== undefined) acceptRaw(server, accept, noDelay, keepAlive);
      resolve(server);
    });
  });
}

function acceptRaw(server: NetServer, accept: Accept, noDelay: boolean, keepAlive: boolean): void {
  takeConnections(server, (status, handle) => {
    if (handle === undefined) {
      accept.onError(systemError(status, 'accept'));
      return;
    }
    if (noDelay) handle.setNoDelay?.(true);
    if (keepAlive) handle.setKeepAlive?.(true, 0);
    accept.onSocket(makeRawSocket(handle));
  });
}

async function resolveHosts(host: string | readonly string[] | undefined): Promise<string[]> {
  const names = typeof host === 'string' ? [host] : (host ?? ['']);
  const addresses = new Set<string>();
  for (const name of names) {
    if (name === '') for (const address of EVERYWHERE) addresses.add(address);
    else if (isIP(name) !== 0) addresses.add(name);
    else for (const { address } of await lookup(name, { all: true })) addresses.add(address);
  }
  return [...addresses];
}

function checkReusePort(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 12)) return;
  throw new RangeError(`Cannot start server: reusePort needs Node 22.12 or later, this is ${process.versions.node}`);
}
