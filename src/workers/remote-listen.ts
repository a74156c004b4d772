// The servers of a worker: where they would listen, the supervisor does, and sends the clients.
//
// A client is served once the supervisor was told that it was taken. So a client that no supervisor
// knows as taken was never served, and may go to another worker.
import type { Socket } from 'node:net';
import {
  type Accept,
  type Address,
  formatAddress,
  type GateOptions,
  hasRawIo,
  type Listener,
  receiveWire,
} from '../net/index.ts';
import type { FromWorker, SharedOptions, ToWorker } from './protocol.ts';

/** One server that listens by the supervisor. */
interface Remote {
  readonly accept: Accept;
  readonly raw: boolean;
  readonly noDelay: boolean;
  listening(addresses: readonly Address[]): void;
  refused(error: Error): void;
}

/** How it reaches the supervisor. */
export interface RemoteLink {
  readonly takesUnix: boolean;
  send(message: FromWorker, done?: () => void): void;
}

export class RemoteListen {
  readonly #link: RemoteLink;
  readonly #servers = new Map<number, Remote>();
  readonly #onListening: () => void;
  #lastKey = 0;
  /** Clients that were taken and are not served yet. */
  #taking = 0;
  #clients = 0;

  /** @param onListening called each time a server listens */
  constructor(link: RemoteLink, onListening: () => void) {
    this.#link = link;
    this.#onListening = onListening;
  }

  /** How many clients the worker has. */
  get clients(): number {
    return this.#clients;
  }

  /** Whether all clients that were taken are at their servers. */
  get isSettled(): boolean {
    return this.#taking === 0;
  }

  /** What the servers of this worker call in order to listen. */
  readonly listen = async (options: GateOptions, accept: Accept): Promise<readonly Listener[]> => {
    if (options.path !== undefined) this.#checkUnix(options.path);
    const key = ++this.#lastKey;
    const raw = accept.raw && (await hasRawIo());
    const answer = new Promise<readonly Address[]>((listening, refused) => {
      this.#servers.set(key, { accept, raw, noDelay: options.noDelay ?? true, listening, refused });
    });
    this.#link.send({ type: 'listen', request: { key, options: sharedOptions(options) } });
    let open = true;
    const close = (): void => {
      if (!open) return;
      open = false;
      this.#servers.delete(key);
      this.#link.send({ type: 'unlisten', key });
    };
    try {
      const addresses = await answer;
      for (const address of addresses) if ('path' in address) this.#checkUnix(address.path); // of a descriptor
      queueMicrotask(this.#onListening);
      return addresses.map((address) => ({ address, close }));
    } catch (error) {
      close();
      throw error;
    }
  };

  #checkUnix(path: string): void {
    if (this.#link.takesUnix) return;
    const what = `the clients of a Unix socket cannot be moved to a thread; use isolate: 'processes'`;
    throw new RangeError(`Cannot listen on ${formatAddress({ path })}: ${what}`);
  }

  listening(key: number, addresses: readonly Address[]): void {
    this.#servers.get(key)?.listening(addresses);
  }

  refused(key: number, code: string | undefined, message: string): void {
    const error = new Error(message);
    this.#servers.get(key)?.refused(code === undefined ? error : Object.assign(error, { code }));
  }

  /** A client came, with the socket or handle. */
  client({ client, key, path }: Extract<ToWorker, { type: 'client' }>, from: Socket | object | undefined): void {
    const server = this.#servers.get(key);
    if (from === undefined || server === undefined) {
      if (from !== undefined) receiveWire(from, { path, raw: false, noDelay: false }).destroy();
      this.#link.send({ type: 'declined', client });
      return;
    }
    const wire = receiveWire(from, { path, raw: server.raw, noDelay: server.noDelay });
    this.#clients++;
    wire.whenClosed(() => {
      this.#clients--;
      this.#link.send({ type: 'left', client });
    });
    this.#taking++;
    this.#link.send({ type: 'took', client }, () => {
      this.#taking--;
      server.accept.onWire(wire);
    });
  }
}

/** What the supervisor needs to know: where to listen, and the limits that hold for all workers. */
function sharedOptions(options: GateOptions): SharedOptions {
  const { host, port, path, mode, fd, backlog, reusePort, noDelay, keepAlive } = options;
  const { maxConnections, maxPerIp, maxPerIpPrefix, proxyProtocol } = options;
  const where = { host, port, path, mode, fd, backlog, reusePort, noDelay, keepAlive };
  return { ...where, maxConnections, maxPerIp, maxPerIpPrefix, proxyProtocol };
}
