// A network between a client and a server that can be cut: a TCP proxy.
import { connect, createServer, type Server, type Socket } from 'node:net';

export class TcpProxy implements AsyncDisposable {
  readonly #target: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;
  #accepted = 0;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#join(client));
  }

  /** Listens on a port of its own, and passes everything on to `target`, both on 127.0.0.1. */
  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await new Promise<void>((resolve) => void proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { readonly port: number }).port; // it listens on TCP
  }

  /** How many connections it has accepted. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Resets all connections, and accepts none until `heal`. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Passes nothing more on over the connections that there are: packets do not arrive. New ones are as usual. */
  swallow(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  /** Undoes `cut` and `swallow`. What was swallowed arrives now. */
  heal(): void {
    this.#isCut = false;
    for (const socket of this.#sockets) socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  #join(client: Socket): void {
    if (this.#isCut) {
      client.resetAndDestroy();
      return;
    }
    this.#accepted++;
    const server = connect({ host: '127.0.0.1', port: this.#target });
    this.#pass(client, server);
    this.#pass(server, client);
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('data', (data) => void to.write(data));
    from.on('error', () => undefined); // and close
    from.on('end', () => void to.end());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
