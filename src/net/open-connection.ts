// The client's side: opens a connection to a server. Semantics: asyncio.open_connection, with RFC
// 8305 ("Happy Eyeballs") on by default, as in trio.open_tcp_stream.
//
// The order is: check the options, resolve the name, race the addresses (class Race), do the TLS
// handshake, make the Connection. `timeout` covers the middle three. Whatever fails or is cancelled
// on the way destroys the sockets that were made.
import { lookup } from 'node:dns/promises';
import { isIP, Socket, type SocketConnectOpts } from 'node:net';
import {
  anything,
  type Checks,
  checkOptions,
  positiveMs,
  flag,
  integer,
  ofType,
  notNegativeMs,
} from '../base/index.ts';
import {
  callLater,
  cancellable,
  Future,
  type Handle,
  inTask,
  timeout,
  waiting,
  type WaitOptions,
} from '../core/index.ts';
import { addressesOf } from './address.ts';
import { Connection } from './connection.ts';
import { type ConnectionLimits, LIMITS, Limits } from './limits.ts';
import { NetWire } from './net-wire.ts';
import { hasRawIo } from './raw/try-out.ts';
import { RawWire } from './raw/wire.ts';
import { secureClient } from './secure.ts';
import { SendQueues } from './send-queues.ts';
import { unixPath } from './server-options.ts';
import { hostName, portNumber } from './serving-options.ts';
import { clientTls, type ClientTlsOptions } from './tls-options.ts';

interface CommonConnectOptions extends WaitOptions, ConnectionLimits {
  /** The local IP address to connect from. Default: the system chooses. */
  readonly localAddress?: string | undefined;
  /** Bytes: the limit of the reader. Default 65,536. */
  readonly limit?: number | undefined;
  /** Bytes: the most that a `read()` to the end may take. Default 64 MiB. */
  readonly readLimit?: number | undefined;
  /** Sends small writes at once (TCP_NODELAY). Default true. */
  readonly noDelay?: boolean | undefined;
  /** Makes the kernel probe a silent connection. Default false. */
  readonly keepAlive?: boolean | undefined;
  /**
   * Speaks TLS. Takes the names of node:tls, or true for the defaults. The name that is sent and
   * verified is `host`, unless you pass `servername`. Default: plain text.
   */
  readonly tls?: ClientTlsOptions | undefined;
  /**
   * Milliseconds that a closing TLS connection waits for the server's close_notify. Default 5,000.
   */
  readonly closeNotifyTimeout?: number | undefined;
  /**
   * Milliseconds for the whole connect: name lookup, all addresses and the TLS handshake. Default
   * 30,000. Null: no limit.
   */
  readonly timeout?: number | null | undefined;
  /**
   * Milliseconds that one address has to answer before the next is tried beside it. Default 250.
   */
  readonly happyEyeballsDelay?: number | undefined;
  /**
   * When all addresses fail: true rejects with an AggregateError of all errors, false with one
   * Error that lists them. Default false.
   */
  readonly allErrors?: boolean | undefined;
}

/** Options of `openConnection`: `port` and perhaps `host`, or `path`, and how to connect. */
export type ConnectOptions = CommonConnectOptions &
  (
    | {
        /** The server's name or address. Default `localhost`. */
        readonly host?: string | undefined;
        readonly port: number;
        readonly path?: undefined;
      }
    | {
        /** The path of a Unix socket. */
        readonly path: string;
        readonly host?: undefined;
        readonly port?: undefined;
      }
  );

const ACTION = 'open connection';

/** All options of openConnection. */
export const CONNECT: Checks<ConnectOptions> = {
  path: unixPath,
  port: portNumber,
  host: hostName,
  localAddress: ofType('string', 'an IP address', (address) => isIP(address) !== 0),
  limit: integer(1, Infinity),
  readLimit: integer(1, Infinity),
  ...LIMITS,
  tls: clientTls,
  closeNotifyTimeout: positiveMs,
  noDelay: flag,
  keepAlive: flag,
  allErrors: flag,
  timeout: connectTimeout,
  happyEyeballsDelay: notNegativeMs,
  signal: anything,
};

const anyNumber = ofType('number', 'a number of milliseconds or null', (ms) => !Number.isNaN(ms));

const DEFAULT_TIMEOUT = 30_000;
const DEFAULT_DELAY = 250;

/**
 * Connects to a server and resolves to the Connection.
 *
 * If a name has several addresses, IPv6 and IPv4 take turns. The next attempt starts when the one
 * before failed, or has not answered for `happyEyeballsDelay` ms. The first to connect wins, and
 * the others are dropped. Cancellable: a cancel drops all of them. asyncio: `open_connection`,
 * `open_unix_connection`; trio: `open_tcp_stream`.
 * @param options `port` and `host`, or `path`; the durations are milliseconds
 * @throws TypeError or RangeError for wrong options; the system's error (ECONNREFUSED, ENOTFOUND,
 * ...); TimeoutError; CancelledError
 *
 * @example
 * ```ts
 * import { openConnection } from 'maitre';
 * const { reader, writer } = await openConnection({ host: '127.0.0.1', port: 8002 });
 * writer.write('hi\n');
 * console.log(String(await reader.readLine()));
 * writer.close();
 * ```
 */
export function openConnection(options: ConnectOptions): Promise<Connection> {
  return waiting(connectAndOpen(options));
}

async function connectAndOpen(options: ConnectOptions): Promise<Connection> {
  checkConnectOptions(options);
  const { limit, readLimit, maxBuffered, closeNotifyTimeout, path, timeout: ms = DEFAULT_TIMEOUT } = options;
  let socket: Socket | undefined;
  let connection: Connection | undefined;
  const { tls } = options;
  const raw = tls === undefined && (await hasRawIo()); // node:tls takes only sockets that node:net made
  const connect = async (): Promise<Connection> => {
    socket = await timeout(ms, async () => {
      socket = await connectSocket(options);
      return tls === undefined ? socket : secureClient(socket, tls, options.host);
    });
    const own = new Set<Connection>();
    const limits = new Limits(
      options,
      own,
      () => false,
      () => SendQueues.read(),
    );
    const addresses = addressesOf(socket, path);
    connection = Connection.make(raw ? RawWire.from(socket, addresses) : new NetWire(socket, addresses), {
      limit,
      readLimit,
      maxBuffered,
      closeNotifyTimeout,
      onHolding: () => limits.opened(),
      onGone: (gone) => {
        own.delete(gone);
        limits.gone(gone);
      },
    });
    own.add(connection);
    limits.opened();
    return connection;
  };
  try {
    return await inTask('openConnection', connect, options);
  } catch (error) {
    if (connection === undefined) socket?.destroy();
    else connection.abort(); // cancelled after it had connected
    throw error;
  }
}

function connectSocket(options: ConnectOptions): Promise<Socket> {
  const { path, localAddress, noDelay = true, keepAlive = false } = options;
  if (path !== undefined) return new Race([{ path }], options).winner();
  const { host = 'localhost', port } = options;
  return resolve(host).then((addresses) => {
    const targets = addresses.map((address): SocketConnectOpts => {
      const target = { host: address, port, noDelay, keepAlive };
      return localAddress === undefined ? target : { ...target, localAddress };
    });
    return new Race(targets, options).winner();
  });
}

/** The addresses of a name: the families take turns, and otherwise the order is the resolver's. */
async function resolve(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const found = await cancellable(lookup(host, { all: true, verbatim: true }));
  const first = found.filter(({ family }) => family === found[0]?.family);
  const second = found.filter(({ family }) => family !== found[0]?.family);
  const addresses: string[] = [];
  for (let i = 0; i < found.length; i++) {
    for (const list of [first, second]) {
      const address = list[i]?.address;
      if (address !== undefined) addresses.push(address);
    }
  }
  return addresses;
}

/**
 * One connect to several addresses.
 *
 * `#live` holds the sockets that have not answered. `#next` is the index of the address to try
 * next. The race ends when one socket has connected, all have failed, or its waiter was cancelled.
 * Then only the winner is left.
 *
 * Example with two addresses: at 0 ms the first is tried. It has not answered at 250 ms, so the
 * second is tried beside it. The second connects at 260 ms and wins; the first is destroyed. Had
 * the first failed at 10 ms, the second would have begun at once.
 */
class Race {
  readonly #targets: readonly SocketConnectOpts[];
  readonly #delay: number;
  readonly #allErrors: boolean;
  readonly #live = new Set<Socket>();
  readonly #errors: Error[] = [];
  readonly #result = new Future<Socket>();
  #next = 0;
  #timer: Handle | undefined;

  constructor(targets: readonly SocketConnectOpts[], options: ConnectOptions) {
    this.#targets = targets;
    this.#delay = options.happyEyeballsDelay ?? DEFAULT_DELAY;
    this.#allErrors = options.allErrors === true;
  }

  async winner(): Promise<Socket> {
    let winner: Socket | undefined;
    try {
      this.#tryNext();
      winner = await this.#result;
      return winner;
    } finally {
      this.#timer?.cancel();
      // Cancelled in the turn in which one socket connected: nobody will receive that socket.
      if (winner === undefined && this.#won !== undefined) this.#won.destroy();
      for (const socket of this.#live) socket.destroy();
    }
  }
  #won: Socket | undefined;

  #tryNext(): void {
    this.#timer?.cancel();
    const target = this.#targets[this.#next++];
    if (target === undefined) return;
    const socket = new Socket({ allowHalfOpen: true }).pause(); // so that no byte is read before the Connection does
    this.#live.add(socket);
    const onError = (error: Error): void => this.#failed(socket, error);
    socket.on('error', onError);
    socket.once('connect', () => {
      this.#live.delete(socket);
      if (this.#won !== undefined || this.#result.done()) {
        socket.destroy(); // the second in one turn, or the waiter was cancelled
        return;
      }
      this.#won = socket;
      this.#result.answer(socket);
      socket.off('error', onError);
      socket.on('error', ignoreError);
    });
    socket.connect(target);
    if (this.#next < this.#targets.length) this.#timer = callLater(this.#delay, () => this.#tryNext());
  }

  #failed(socket: Socket, error: Error): void {
    if (!this.#live.delete(socket)) return;
    this.#errors.push(error);
    if (this.#next < this.#targets.length) this.#tryNext();
    else if (this.#live.size === 0) this.#result.fail(this.#error());
  }

  #error(): Error {
    const errors = this.#errors;
    const first = errors[0] as Error; // called after a failure
    if (this.#allErrors) return new AggregateError(errors, listErrors(errors));
    if (errors.length === 1) return first;
    return Object.assign(new Error(listErrors(errors), { cause: first }), {
      code: (first as NodeJS.ErrnoException).code,
    });
  }
}

function listErrors(errors: readonly Error[]): string {
  return `Cannot connect: ${errors.map((error) => error.message).join('; ')}`;
}

// Set between the connect and the Connection: the error also ends the socket, which the Connection
// sees.
function ignoreError(): void {}

function checkConnectOptions(options: ConnectOptions): void {
  checkOptions(ACTION, options, CONNECT, '', { shutdownTimeout: 'closeNotifyTimeout' });
  const { host, port, path, localAddress } = options;
  if ((path === undefined) === (port === undefined)) {
    throw new TypeError(`Cannot ${ACTION}: give either path, or port and host`);
  }
  if (path !== undefined && (host !== undefined || localAddress !== undefined)) {
    throw new TypeError(`Cannot ${ACTION}: host and localAddress are for ports, give path without them`);
  }
}

/** Null means no limit. With 0 or less, the timeout has passed at once. */
function connectTimeout(action: string, name: string, value: unknown): void {
  if (value !== null) anyNumber(action, name, value);
}
