// A connection of an HTTP server, and the requests that it has under way: one over HTTP/1, or more
// with pipelining and over HTTP/2.
//
// It keeps `connection.busy` and `connection.task` true to what happens, so that a shutdown, limits
// and consoles need not guess:
// - `busy` is undefined before the first request, true while one is under way, false between two;
// - `task` is that of the oldest request under way.
import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type Linked, LinkedSet } from '../base/index.ts';
import type { Task } from '../core/index.ts';
import type { Connection, EndOrder } from '../net/index.ts';

/** A request under way, as its client sees it. */
export interface Underway extends Linked {
  readonly task: Task<unknown>;
  readonly hasBegun: boolean;
  /** The client has left. */
  left(): void;
  /** A shutdown begins: its answer, if it has not begun, ends the connection. */
  maybeClose(): void;
  /** A shutdown cancels it. */
  cancel(order: EndOrder): void;
}

export class Client {
  readonly connection: Connection | undefined;
  readonly socket: Socket;
  readonly isSecure: boolean;
  /** Requests under way, the oldest first. */
  readonly exchanges: LinkedSet<Underway> = new LinkedSet();
  /** The session over HTTP/2. */
  session: ServerHttp2Session | undefined = undefined;
  /** True once the socket is closed. */
  gone = false;
  /** Whether forwarded headers of this peer count; undefined until somebody needs to know. */
  isTrusted: boolean | undefined = undefined;
  /** Bytes that had come when the last request had ended. More means that another one has begun. */
  #bytesAtEnd = 0;

  constructor(connection: Connection | undefined, socket: Socket) {
    this.connection = connection;
    this.socket = socket;
    this.isSecure = (socket as Partial<TLSSocket>).encrypted === true;
  }

  began(exchange: Underway): void {
    this.exchanges.add(exchange);
    const { connection } = this;
    if (connection === undefined) return;
    connection.busy = true;
  }

  /** Call it when the task of a request begins, and when that of one has ended. */
  showTask(): void {
    const { first } = this.exchanges;
    this.connection?.workedOnBy(first?.hasBegun === true ? first.task : undefined);
  }

  ended(exchange: Underway): void {
    this.exchanges.delete(exchange);
    const { connection } = this;
    if (connection === undefined) return;
    this.showTask();
    if (this.exchanges.size > 0) return;
    connection.busy = false;
    this.#bytesAtEnd = this.socket.bytesRead;
  }

  /** Whether the beginning of a request has come, and not all of its head. */
  get isInHead(): boolean {
    return this.session === undefined && this.exchanges.size === 0 && this.socket.bytesRead > this.#bytesAtEnd;
  }

  /** Ends the connection in good order: no request is under way. */
  end(): void {
    if (this.session !== undefined) this.session.close();
    else this.socket.destroySoon();
  }
}
