// A server without a socket. Everything is the same as for startServer, except where its clients
// come from. Each client is made here as the two ends of a MemoryWire: the server accepts one, and
// the other becomes a connection, as openConnection makes them. It needs no system, so it runs in
// browsers too.
import { anything, callback, type Checks, checkOptions, flag, isObject, wrongValue } from '../base/index.ts';
import { addSoon, cancellable, Future, type WaitOptions } from '../core/index.ts';
import {
  type Accept,
  type Address,
  checkTogether,
  Connection,
  formatAddress,
  type Handler,
  hasSystem,
  type Listener,
  pathUpTo,
  Server,
  type ServerOptions,
  SERVING,
} from '../net/index.web.ts';
import type { Duplex } from '../testing/index.ts';
import { memoryWirePair } from './memory-wire.ts';

/** The address of a client: an IP address, for which a port is chosen, or a complete Address. */
type Peer = Address | string;

/**
 * Options of `serveInMemory`: those of startServer, without `tls` and `fd`, which need sockets, and
 * with the address of clients.
 */
export type MemoryServerOptions = ServerOptions & {
  /** TLS needs a socket. */
  readonly tls?: undefined;
  /** A descriptor needs a socket. */
  readonly fd?: undefined;
  /**
   * The address of clients that do not set one themselves: `connection.peer`, and what maxPerIp,
   * `block` and `allow` check. Default 127.0.0.1.
   */
  readonly peer?: Peer | undefined;
};

/** Options of the `connect` of `serveInMemory`. */
export interface MemoryClientOptions extends WaitOptions {
  /** The address of this client. Default: `peer` of the server. */
  readonly peer?: Peer | undefined;
}

const ACTION = 'serve in memory';
/** Bytes: the longest path of a Unix socket, that of Linux on every host. */
const LONGEST_PATH = 107;

/** All options of serveInMemory. */
export const MEMORY_SERVER: Checks<MemoryServerOptions> = {
  ...SERVING,
  path: pathUpTo(LONGEST_PATH),
  tls: needsSocket,
  fd: needsSocket,
  proxyProtocol: needsSystem,
  peer: clientPeer,
};

/** All options of a client's `connect`. */
export const MEMORY_CLIENT: Checks<MemoryClientOptions> = { peer: clientPeer, signal: anything };

/** A server in memory, and the way to connect clients to it. */
export interface ServedInMemory extends AsyncDisposable {
  /**
   * Connects a client. As over a network, the server may refuse the client after that; its
   * connection is then lost. Cancellable.
   * @throws an error with code ECONNREFUSED when the server does not serve; TypeError or RangeError
   * for a wrong peer; CancelledError
   */
  readonly connect: (options?: MemoryClientOptions) => Promise<Duplex>;
  /** The server. */
  readonly server: Server;
}

/** The port of a server whose options have no port, or 0. */
const PORT = 8002;
/** The port of the first client. The next ones count up. */
const FIRST_CLIENT_PORT = 49_152;

/**
 * Serves `handler` without a socket, for tests. The server is the one that startServer makes, with
 * its limits, `onError`, `concurrency`, PROXY protocol, and the close at the end of a handler. Only
 * its clients differ: they come from `connect`. Nothing waits for the system, so it runs on the
 * fake clock.
 *
 * As with sockets, a connection holds up to 64 KiB of unread bytes in each direction. Disposing the
 * result shuts the server down.
 *
 * It runs in browsers too. There, pass `connection.task.signal` on to the waits of the handler.
 * @throws TypeError or RangeError for wrong options; TypeError for `tls` and `fd`, and in browsers
 * for `proxyProtocol`
 *
 * @example
 * ```ts
 * import { formatAddress } from 'maitre';
 * import { runWithFakeClock, serveInMemory } from 'maitre/testing';
 *
 * await runWithFakeClock(async () => {
 *   await using served = serveInMemory(
 *     async (reader, writer, connection) => {
 *       writer.write(`${formatAddress(connection.peer)} says ${await reader.readLine()}`);
 *     },
 *     { idleTimeout: 60_000 },
 *   );
 *   await using client = await served.connect({ peer: '10.0.0.7' });
 *   client.writer.write('hi\n');
 *   console.log(String(await client.reader.read())); // 10.0.0.7:49152 says hi
 * });
 * ```
 */
export function serveInMemory(handler: Handler, options: MemoryServerOptions = {}): ServedInMemory {
  callback(ACTION, 'the handler', handler);
  checkOptions(ACTION, options, MEMORY_SERVER);
  const { peer = '127.0.0.1', ...serverOptions } = options;
  checkTogether(serverOptions);
  return new MemoryServer(handler, serverOptions, peer);
}

class MemoryServer implements ServedInMemory {
  readonly server: Server;
  readonly #address: Address;
  readonly #peer: Peer;
  /** Receives clients; undefined while nothing listens. */
  #accept: Accept | undefined = undefined;
  /** How many clients came without a port of their own. */
  #count = 0;

  constructor(handler: Handler, options: ServerOptions, peer: Peer) {
    this.#peer = peer;
    this.#address = addressOf(options);
    this.server = Server.make(handler, options, (_options, accept) => Promise.resolve([this.#listen(accept)]));
    if (options.startServing !== false) this.server.begin();
  }

  // A property, so that you may take it out of the object: `const { connect } =
  // serveInMemory(...)`.
  readonly connect = async (options: MemoryClientOptions = {}): Promise<Duplex> => {
    checkOptions(ACTION, options, MEMORY_CLIENT);
    const { peer = this.#peer, ...wait } = options;
    const [ours, theirs] = memoryWirePair(this.#clientAddress(peer), this.#address);
    const came = new Future<void>();
    let cancelled = false;
    // From the loop, as with a system: the server must not run inside the call of connect().
    addSoon({
      due: () => {
        const accept = this.#accept;
        if (cancelled) return;
        if (accept === undefined) {
          came.fail(this.#refused());
          return;
        }
        accept.onWire(theirs);
        came.answer();
      },
    });
    try {
      await cancellable(came, wait);
    } catch (error) {
      cancelled = true;
      ours.destroy();
      throw error;
    }
    return Connection.make(ours, {});
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.shutdown();
  }

  #listen(accept: Accept): Listener {
    this.#accept = accept;
    return { address: this.#address, close: () => (this.#accept = undefined) };
  }

  #refused(): Error {
    const text = `connect ECONNREFUSED ${formatAddress(this.#address)}: the server in memory does not serve`;
    return Object.assign(new Error(text), { code: 'ECONNREFUSED', syscall: 'connect' });
  }

  #clientAddress(peer: Peer): Address {
    if (typeof peer !== 'string') return peer;
    if ('path' in this.#address) return this.#address; // as of a client's Unix socket, which has no name
    const port = FIRST_CLIENT_PORT + (this.#count++ % (65_536 - FIRST_CLIENT_PORT));
    return { address: peer, port, family: peer.includes(':') ? 'IPv6' : 'IPv4' };
  }
}

/**
 * The address at which the server would listen: its first host, if that is an address, and its
 * port.
 */
function addressOf({ path, host, port = 0 }: ServerOptions): Address {
  if (path !== undefined) return { path };
  const first = typeof host === 'string' ? host : host?.[0];
  const address = first !== undefined && isAddress(first) ? first : '127.0.0.1';
  return { address, port: port === 0 ? PORT : port, family: address.includes(':') ? 'IPv6' : 'IPv4' };
}

function needsSocket(action: string, name: string): void {
  throw new TypeError(`Cannot ${action}: ${name} needs a socket, expected it to be left out; startServer has it`);
}

function needsSystem(action: string, name: string, value: unknown): void {
  flag(action, name, value);
  if (value === true && !hasSystem()) {
    throw new TypeError(`Cannot ${action}: ${name} needs Node, Bun or Deno, expected it to be left out`);
  }
}

function clientPeer(action: string, name: string, peer: unknown): void {
  const { path, address, port } = isObject(peer) ? peer : {};
  const isComplete =
    path === undefined ? typeof address === 'string' && typeof port === 'number' : typeof path === 'string';
  if (isComplete || (typeof peer === 'string' && isAddress(peer))) return;
  throw wrongValue(action, name, 'an IP address or an Address', peer, 'string');
}

/** Exact enough for the address of a test: no host name passes for an address. */
function isAddress(text: string): boolean {
  const parts = text.split('.');
  const isIPv4 = parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256);
  return isIPv4 || /^[0-9a-f.]*:[0-9a-f:.]*$/i.test(text);
}
