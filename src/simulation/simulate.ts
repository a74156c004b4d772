// A bad network between clients and a server: a TCP proxy that passes each connection through a
// FaultyLink.
//
// The proxy is itself a server of maitre. The handler of a client connects to the target and owns
// the link. So a cancel of the handler, as in a shutdown, resets the link.
import { anything, callback, type Check, type Checks, checkOptions, objectOf, wrongValue } from '../base/index.ts';
import { random } from '../core/index.ts';
import {
  type Address,
  type Connection,
  hostName,
  openConnection,
  portNumber,
  type Server,
  type ShutdownOptions,
  type ShutdownReport,
  startServer,
  unixPath,
} from '../net/index.ts';
import {
  checkFaults,
  type ConnectionFaults,
  drawFaults,
  FaultyLink,
  type FaultyLinkOptions,
  seededRandom,
  seedNumber,
} from '../testing/index.ts';

/** How many connections `connections` remembers; the oldest ended ones are dropped first. */
const REMEMBERED = 10_000;

/** Options of `simulate`. */
export interface SimulateOptions {
  /**
   * The address of the server: `host` (default 127.0.0.1) and `port`, or the `path` of a Unix
   * socket.
   */
  readonly target: { readonly host?: string | undefined; readonly port: number } | { readonly path: string };
  /**
   * Repeats all random choices, connection by connection. Default: a random seed; read it from
   * `proxy.seed`.
   */
  readonly seed?: number | undefined;
  /**
   * What happens to the bytes: the same faults for every connection, or a function that chooses
   * them for the `n`th connection, counted from 0. Its random numbers come from the seed. Default:
   * `drawFaults`, which may draw any fault.
   */
  readonly faults?: ConnectionFaults | ((n: number, random: () => number) => ConnectionFaults) | undefined;
  /** The address to listen on. Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0 to 65535. With 0, the default, the system chooses. */
  readonly port?: number | undefined;
  /**
   * Receives errors that keep a client from the target, such as a refused connect. The client is
   * then reset. Default: the exception handler.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A target before it is checked. */
interface Target {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
}

/** The connection of one client to the target, through the proxy. */
export class SimulatedConnection extends FaultyLink {
  /** Its number, from 0, in the order in which the clients came. */
  readonly n: number;
  /** The address of the client's end: the `local` of its connection. */
  readonly client: Address;

  /** For the proxy. @internal */
  static make(client: Connection, target: Connection, n: number, options: FaultyLinkOptions): SimulatedConnection {
    return new SimulatedConnection(client, target, n, options);
  }

  private constructor(client: Connection, target: Connection, n: number, options: FaultyLinkOptions) {
    super(client, target, options);
    this.n = n;
    this.client = client.peer;
  }
}

/**
 * The proxy that `simulate` starts. Disposing it resets everything that is still connected.
 *
 * @example
 * ```ts
 * import { startServer } from 'maitre';
 * import { simulate } from 'maitre/testing';
 * await using server = await startServer((reader, writer) => writer.write('soup'), { host: '127.0.0.1' });
 * await using proxy = await simulate({ target: { port: server.port }, seed: 7 });
 * console.log(String(proxy), proxy.seed); // <Simulation on 127.0.0.1:50412, 0 connections, seed 7> 7
 * ```
 */
export class Simulation implements AsyncDisposable {
  /** The seed. Pass it to `simulate` to repeat all random choices. */
  readonly seed: number;
  readonly #options: SimulateOptions;
  readonly #connections: SimulatedConnection[] = [];
  #server: Server | undefined;
  #address: Address | undefined;
  /** How many clients came. */
  #count = 0;

  /** For `simulate`. @internal */
  static make(options: SimulateOptions): Simulation {
    return new Simulation(options);
  }

  private constructor(options: SimulateOptions) {
    this.#options = options;
    this.seed = options.seed ?? Math.floor(random() * 2 ** 32);
  }

  /** The address on which it listens, or did. */
  get address(): string {
    return this.#at.address;
  }

  /** The port on which it listens, or did. */
  get port(): number {
    return this.#at.port;
  }

  get #at(): { readonly address: string; readonly port: number } {
    return this.#address as { readonly address: string; readonly port: number }; // set before simulate() resolves
  }

  /**
   * Every connection that reached the target, in that order, including ended ones: the last 10,000
   * of those.
   */
  get connections(): readonly SimulatedConnection[] {
    return this.#connections;
  }

  /**
   * Stops accepting, waits up to `grace` milliseconds (default 0) for connections to end, then
   * resets them. Bounded like `Server.shutdown`, whose report it returns. Cancellable, like that
   * one.
   * @throws RangeError or TypeError for a wrong grace; CancelledError
   */
  async shutdown(options: ShutdownOptions = {}): Promise<ShutdownReport> {
    return (this.#server as Server).shutdown({ ...options, grace: options.grace ?? 0 }); // set before simulate() resolves
  }

  /** Runs shutdown() without a grace. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  /** `<Simulation on 127.0.0.1:8002, 3 connections, seed 7>`, for messages. */
  toString(): string {
    const open = this.#connections.filter(({ state }) => state === 'open').length;
    return `<Simulation on ${this.address}:${this.port}, ${open} connections, seed ${this.seed}>`;
  }

  /** @internal */
  async start(): Promise<void> {
    const { host = '127.0.0.1', port = 0, onError } = this.#options;
    this.#server = await startServer((_reader, _writer, client) => this.#serve(client), { host, port, onError });
    this.#address = this.#server.addresses[0];
  }

  async #serve(client: Connection): Promise<void> {
    const n = this.#count++;
    let link: SimulatedConnection;
    try {
      const draws = seededRandom(this.seed + n);
      const seed = Math.floor(draws() * 2 ** 32);
      const { faults: choice = (_n, each) => drawFaults(each), target } = this.#options;
      const faults = typeof choice === 'function' ? choice(n, draws) : choice;
      checkFaults(faults); // before there is a second connection
      const to = await openConnection('path' in target ? target : { host: '127.0.0.1', ...target });
      link = SimulatedConnection.make(client, to, n, { faults, seed });
    } catch (error) {
      client.abort(); // so that it does not take the proxy's end for the server's
      throw error;
    }
    await using _ = link;
    this.#remember(link);
    await link.waitClosed();
  }

  #remember(link: SimulatedConnection): void {
    this.#connections.push(link);
    if (this.#connections.length <= REMEMBERED) return;
    const ended = this.#connections.findIndex(({ state }) => state !== 'open');
    if (ended >= 0) this.#connections.splice(ended, 1);
  }
}

/**
 * Starts a TCP proxy to `target`, for tests of servers and clients over real sockets. By a seed, it
 * delays, cuts, joins, slows down, stalls, truncates and resets what goes through it. Cancellable.
 * For tests without sockets, and on the fake clock, use `FaultyLink`.
 * @throws TypeError or RangeError for wrong options; the system's error when it cannot listen;
 * CancelledError
 *
 * @example
 * ```ts
 * import { openConnection, startServer } from 'maitre';
 * import { simulate } from 'maitre/testing';
 * await using server = await startServer(async (reader, writer) => writer.write(await reader.read()), { host: '127.0.0.1', port: 8002 });
 * await using proxy = await simulate({ target: { port: 8002 }, seed: 1, faults: { piece: 1, delay: [0, 3] } });
 * await using client = await openConnection({ host: proxy.address, port: proxy.port });
 * client.writer.write('in single bytes');
 * client.writer.writeEof();
 * console.log(String(await client.reader.read()), proxy.connections[0]?.up.pieces);
 * ```
 */
export async function simulate(options: SimulateOptions): Promise<Simulation> {
  checkSimulate(options);
  const simulation = Simulation.make(options);
  await simulation.start();
  return simulation;
}

const TARGET: Checks<Target> = { host: hostName, port: portNumber, path: unixPath };

/** All options of `simulate`. startServer checks where the proxy listens. */
export const SIMULATE: Checks<SimulateOptions> = {
  target: (action, name, value) => {
    target(action, name, value);
    const { port, path } = value as Target; // an object, just checked
    if (port === undefined && path === undefined) throw wrongValue(action, name, 'an object with port or path', value);
  },
  seed: seedNumber,
  faults: (_action, _name, value) => {
    if (typeof value !== 'function') checkFaults(value);
  },
  host: anything,
  port: anything,
  onError: callback,
};

const target: Check = objectOf(TARGET);

function checkSimulate(options: SimulateOptions): void {
  checkOptions('simulate', options, SIMULATE);
  if (options.target === undefined) throw new TypeError('Cannot simulate: target must have a port or a path, got none');
}
