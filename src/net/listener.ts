// Listening sockets: from hosts to bound ports, from a path, or from inherited descriptors. All
// sockets that the options name are opened, or none.
import { lookup } from 'node:dns/promises';
import { createServer, isIP, type ListenOptions, type Server as NetServer } from 'node:net';
import { reportException } from '../core/index.ts';
import { type Address, addressesOf, toAddress } from './address.ts';
import { checkDescriptor, descriptorError, pathOfDescriptor } from './descriptor.ts';
import { NetWire } from './net-wire.ts';
import { acceptRaw } from './raw/accept.ts';
import { hasRawIo } from './raw/try-out.ts';
import { checkReusePort } from './server-options.ts';
import { DEFAULT_BACKLOG, type ServerOptions } from './serving-options.ts';
import { checkFolder, claimPath, clearPath, inTermsOf, takeBerth } from './unix-path.ts';
import type { Wire } from './wire.ts';

/**
 * How many times to let the system choose another port when the chosen one is taken on a second
 * address.
 */
const PORT_TRIES = 8;
/** All interfaces, with a socket per family. Deno ignores ipv6Only: its `::` covers both. */
const EVERYWHERE = 'deno' in process.versions ? ['::'] : ['0.0.0.0', '::'];
/** Errors of an address that this machine lacks. It is skipped if another address can be bound. */
const ABSENT = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EPROTONOSUPPORT']);

/** One listening socket. */
export interface Listener {
  readonly address: Address;
  /** Undefined for a listener in memory. */
  readonly server?: NetServer;
  /** Stops listening, and unlinks a Unix path if it is still ours. */
  close(): void;
}

/** Where to listen, and how. */
export type ListenerOptions = Pick<
  ServerOptions,
  'host' | 'port' | 'path' | 'mode' | 'fd' | 'backlog' | 'reusePort' | 'noDelay' | 'keepAlive'
>;

/** Receives the clients of a listener. */
export interface Accept {
  /** Called for each client. Nothing is read from it yet. */
  onWire(wire: Wire): void;
  /** Called when the system could not accept a client. */
  onError(error: Error): void;
  /** Whether clients may be RawWires, where the runtime allows it. */
  readonly raw: boolean;
}

/**
 * Listens on everything that the options name. After an error, it listens on nothing.
 * @throws the system's error; RangeError when reusePort is not supported
 */
export async function listen(options: ListenerOptions, told: Accept): Promise<Listener[]> {
  if (options.reusePort === true) checkReusePort('start server');
  const accept = { ...told, raw: told.raw && (await hasRawIo()) };
  if (options.path !== undefined) return [await listenOnPath(options, options.path, accept)];
  if (options.fd !== undefined) {
    return listenOnDescriptors(options, typeof options.fd === 'number' ? [options.fd] : options.fd, accept);
  }
  const hosts = await resolveHosts(options.host);
  for (let tries = 1; ; tries++) {
    try {
      return await listenOnHosts(options, hosts, accept);
    } catch (error) {
      // The port that the system chose for the first address may be taken on another address: let
      // it choose again.
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!taken || (options.port ?? 0) !== 0 || hosts.length === 1 || tries === PORT_TRIES) throw error;
    }
  }
}

async function listenOnHosts(options: ListenerOptions, hosts: readonly string[], accept: Accept): Promise<Listener[]> {
  const listeners: Listener[] = [];
  const skipped: { readonly host: string; readonly error: unknown }[] = [];
  let port = options.port ?? 0;
  try {
    for (const host of hosts) {
      try {
        const listener = await bind(options, { host, port, ipv6Only: isIP(host) === 6 }, undefined, accept);
        listeners.push(listener);
        if ('path' in listener.address) throw new Error(`Cannot listen on ${host}: no port was bound`);
        port = listener.address.port; // all addresses get the same one
      } catch (error) {
        if (!ABSENT.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
        skipped.push({ host, error });
      }
    }
    if (listeners.length === 0) throw skipped.at(-1)?.error;
    for (const { host, error } of skipped) {
      if (!isMeant(host, options)) continue;
      reportException({ message: `Cannot listen on ${host}, the server listens on its other addresses`, error });
    }
    return listeners;
  } catch (error) {
    for (const listener of listeners) listener.close();
    throw error;
  }
}

/**
 * Whether the options name this address itself. If not, it is one of the addresses of a name, or
 * all interfaces of a family that the machine may lack, and skipping it is not worth a report.
 */
function isMeant(address: string, { host }: ListenerOptions): boolean {
  return (host === address || (Array.isArray(host) && host.includes(address))) && !/^::1?$/.test(address);
}

async function listenOnPath(options: ListenerOptions, path: string, accept: Accept): Promise<Listener> {
  checkFolder(path);
  await clearPath(path);
  const berth = takeBerth(path, options.mode);
  try {
    const listener = await bindAt(berth.name, path, options, accept);
    try {
      berth.setMode();
      const release = claimPath(berth.name, path);
      return {
        ...listener,
        close: () => {
          try {
            release();
          } catch (error) {
            reportException({ message: `Cannot remove the Unix socket ${path}`, error });
          }
          listener.close();
        },
      };
    } catch (error) {
      listener.close();
      throw error;
    }
  } finally {
    berth.leave();
  }
}

async function bindAt(name: string, path: string, options: ListenerOptions, accept: Accept): Promise<Listener> {
  try {
    return await bind(options, { path: name }, path, accept);
  } catch (error) {
    throw inTermsOf(path, error as NodeJS.ErrnoException, name); // listening fails with Errors
  }
}

/**
 * Checks all descriptors before it takes the first: one that was taken is closed when another
 * fails.
 */
async function listenOnDescriptors(
  options: ListenerOptions,
  fds: readonly number[],
  accept: Accept,
): Promise<Listener[]> {
  for (const fd of fds) checkDescriptor(fd);
  const listeners: Listener[] = [];
  try {
    for (const fd of fds) {
      try {
        listeners.push(await bind(options, { fd }, pathOfDescriptor(fd), accept));
      } catch (error) {
        throw descriptorError(fd, error as NodeJS.ErrnoException); // listening fails with Errors
      }
    }
    return listeners;
  } catch (error) {
    for (const listener of listeners) listener.close();
    throw error;
  }
}

/** Listens at `where`. `path` is the name of a Unix socket for others. */
function bind(
  options: ListenerOptions,
  where: ListenOptions | { readonly fd: number },
  path: string | undefined,
  accept: Accept,
): Promise<Listener> {
  const { noDelay = true, keepAlive = false, backlog = DEFAULT_BACKLOG, reusePort = false } = options;
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay, keepAlive });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const onListening = (): void => {
      const address = addressOf(server, path);
      server.off('error', reject);
      server.on('error', (error) => accept.onError(error));
      server.on('connection', (socket) => {
        // Read once, first: the address that is admitted must be the one that is served.
        const addresses = addressesOf(socket, 'path' in address ? address.path : undefined);
        accept.onWire(new NetWire(socket, addresses));
      });
      // On the raw path, no 'connection' event is emitted.
      if (accept.raw) acceptRaw(server, { noDelay, keepAlive, bound: address }, accept);
      resolve({ address, server, close: () => server.close() });
    };
    if ('fd' in where) server.listen(where, backlog, onListening); // with a descriptor, net ignores the option
    else server.listen({ ...where, backlog, ...(reusePort ? { reusePort } : undefined) }, onListening);
  });
}

/**
 * The address of a listening server. The runtimes differ on Unix sockets, and none knows the path
 * of a descriptor.
 */
function addressOf(server: NetServer, path = ''): Address {
  const bound = server.address();
  if (typeof bound === 'object' && bound !== null && 'port' in bound) return toAddress(bound.address, bound.port);
  return { path };
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

/** Opens the listeners that a server's clients come from. They call `accept` for each client. */
export type Listen = (options: ListenerOptions, accept: Accept) => Promise<readonly Listener[]>;
