// A bad network between clients and a server: a TCP proxy that passes every connection on over a FaultyLink.
//
// The proxy is a server of maitre's own; the handler of a client connects to the target, and its link is the handler's: a
// cancel of the handler, as in the shutdown, resets the link.
import { anything, callback, type Check, type Checks, checkOptions, objectOf, wrongValue } from '../base/index.ts';
import { random } from '../core/index.ts';
import {
  type Address,
  type Connection,
  hostName,
  openConnection,
  portNumber,
  type Server,
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

/** How many ended connections are remembered. */
const REMEMBERED = 10_000;

export interface SimulateOptions {
  /** Where the server is: `host` (default 127.0.0.1) and `port`, or the `path` of a Unix socket. */
  readonly target: { readonly host?: string | undefined; readonly port: number } | { readonly path: string };
  /** Repeats all that is drawn, connection by connection. Default: a random one, see `proxy.seed`. */
  readonly seed?: number | undefined;
  /**
   * What happens to the bytes: the same for every connection, or a function that chooses for the `n`th one, counted from 0.
   * Its random numbers are those of the seed. Default: `drawFaults`, so anything.
   */
  readonly faults?: ConnectionFaults | ((n: number, random: () => number) => ConnectionFaults) | undefined;
  /** The address to listen on. Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0 to 65535; 0, the default, lets the system choose. */
  readonly port?: number | undefined;
  /** Receives what keeps a client from the target, which is then reset: a refused connect. Default: the exception handler. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A target as it may be given, right or wrong. */
interface Target {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
}

/** A client's connection to the target, by way of the proxy. */
export class SimulatedConnection extends FaultyLink {
  /** Its number, in the order in which the clients came, from 0. */
  readonly n: number;
  /** The client's end: the `local` of its connection. */
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

/** The proxy that `simulate` starts. Disposed, it resets all that is still connected. */
export class Simulation implements AsyncDisposable {
  /** Repeats what is drawn. */
  readonly seed: number;
  readonly #options: SimulateOptions;
  readonly #connections: SimulatedConnection[] = [];
  #server: Server | undefined;
  #address: Address | undefined;
  /** How many clients have come. */
  #count = 0;

  /** For `simulate`. @internal */
  static make(options: SimulateOptions): Simulation {
    return new Simulation(options);
  }

  private constructor(options: SimulateOptions) {
    this.#options = options;
    this.seed = options.seed ?? Math.floor(random() * 2 ** 32);
  }

  /** Where it listens, or did. */
  get address(): string {
    return this.#at.address;
  }

  /** The port on which it listens, or did. */
  get port(): number {
    return this.#at.port;
  }

  get #at(): { readonly address: string; readonly port: number } {
    return this.#address as { readonly address: string; readonly port: number }; // nobody has it before it listens on TCP
  }

  /** Every connection that reached the target, in the order in which they did, ended ones too: of those the last 10,000. */
  get connections(): readonly SimulatedConnection[] {
    return this.#connections;
  }

  /**
   * Stops accepting; gives the connections up to `grace` milliseconds (default 0) to come to an end, then resets them.
   * Bounded, as `Server.shutdown`, whose report it gives.
   */
  async shutdown({ grace = 0 }: { readonly grace?: number | undefined } = {}): Promise<ShutdownReport> {
    return (this.#server as Server).shutdown({ grace }); // nobody has it before it listens
  }

  /** shutdown without a grace. */
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
      client.abort(); // it shall not take the proxy's end for the server's
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
 * Starts a TCP proxy to `target` that delays, cuts, joins, slows down, stalls, truncates and resets what goes through it, by a
 * seed: for tests of servers and clients over real sockets. Without sockets, and for a fake clock, there is `FaultyLink`.
 * @throws TypeError or RangeError for wrong options; the system's error when it cannot listen
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
