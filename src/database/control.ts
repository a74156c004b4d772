// Control: the connection over which a pool stops the statements of the others.
//
// States: NONE --a session opens, or a request comes--> OPENING --> OPEN --lost, no session--> NONE
//
// - It is opened together with the first session of the pool and closed with the last, so it is
//   warm when it is needed.
// - One request is on the wire at a time. The others wait in `#requests`, in order.
// - A request that meets a broken or silent wire is tried once more, on a new one.
// - Every request is answered exactly once.
// - A request is for one server, and one start of it: ids of connections begin anew with each, so after
//   a restart the same id is a stranger's. Where the wire leads to another one, the request is refused.
import {
  callLater,
  Future,
  type Handle,
  InvalidStateError,
  moveOnAfter,
  spawn,
  type Task,
  TimeoutError,
} from '../core/index.ts';
import type { Wire } from './driver.ts';
import { lostError, type Opened, type Opener, openWire, placeOf } from './wire.ts';

interface Request {
  readonly sql: string;
  /** The server that it is for. */
  readonly server: string | null;
  readonly done: (error: unknown) => void;
  /** How often it was on a wire. */
  tries: number;
}

/** The tries of one request. */
const TRIES = 2;

export class Control {
  readonly #opener: Opener;
  /** Milliseconds for one request. Then the wire counts as dead. */
  readonly #patience: number;
  #wire: Wire | undefined = undefined;
  /** The server at its other end. */
  #server: string | null = null;
  /** Opens the wire; undefined while nothing does. */
  #opening: Task<void> | undefined = undefined;
  readonly #requests: Request[] = [];
  /** The request on the wire, and the limit of its time. */
  #current: Request | undefined = undefined;
  #limit: Handle | undefined = undefined;
  /** The sessions of the pool. */
  #sessions = 0;
  /** Wires that say goodbye. */
  readonly #closing = new Set<Wire>();
  /** Answered when one of the above changes; undefined while nobody waits for that. */
  #changed: Future<void> | undefined = undefined;

  constructor(opener: Opener, patience: number) {
    this.#opener = opener;
    this.#patience = patience;
  }

  /** A session has opened. Undone by `leave`. */
  join(): void {
    this.#sessions++;
    this.#open();
    this.#tell();
  }

  /** A session is gone. With the last one, the connection ends. */
  leave(): void {
    this.#sessions--;
    this.#closeIfUnused();
  }

  /**
   * Resolves when it is closed, after the last session has left; at once while there is one. What is
   * on its way may take as long as one request. Then, and with a cancel, it is cut off.
   */
  async closed(): Promise<void> {
    if (this.#sessions > 0 || !this.#isActive) return;
    try {
      await moveOnAfter(this.#patience, async () => {
        while (this.#isActive && this.#sessions === 0) await (this.#changed ??= new Future());
      });
    } finally {
      if (this.#sessions === 0) this.#cutOff();
    }
  }

  #cutOff(): void {
    const error = new InvalidStateError('No connection is left');
    if (this.#wire !== undefined) this.#lost(this.#wire, error); // first: it may put a request back
    for (const request of this.#requests.splice(0)) request.done(error);
    this.#opening?.cancel('Cancelled: no connection is left');
    for (const wire of this.#closing) wire.destroy();
  }

  /** Runs a statement on a server. `done` is called once, with undefined if it has succeeded. */
  run(sql: string, server: string | null, done: (error: unknown) => void): void {
    this.#requests.push({ sql, server, done, tries: 0 });
    this.#next();
  }

  #next(): void {
    if (this.#current !== undefined) return;
    const request = this.#requests[0];
    if (request === undefined) {
      this.#closeIfUnused();
      return;
    }
    const wire = this.#wire;
    if (wire === undefined) {
      this.#open();
      return;
    }
    this.#requests.shift();
    this.#current = request;
    if (request.server === null || request.server !== this.#server) {
      const place = placeOf(this.#opener);
      const why = 'the server has restarted, or a proxy leads to several';
      this.#settle(new InvalidStateError(`Cannot run ${request.sql} on ${place}: ${why}`));
      return;
    }
    request.tries++;
    this.#limit = callLater(this.#patience, () => {
      this.#lost(wire, new TimeoutError(`The server did not answer ${request.sql} in ${this.#patience} ms`));
    });
    wire.run(request.sql, undefined, false, (error) => {
      if (this.#current !== request || this.#wire !== wire) return; // it has moved to another wire
      if (error !== undefined && this.#opener.driver.isLost(error)) this.#lost(wire, error);
      else this.#settle(error);
    });
  }

  /** Ends the current request. */
  #settle(error: unknown): void {
    const request = this.#current;
    this.#limit?.cancel();
    this.#current = undefined;
    request?.done(error);
    this.#next();
  }

  #lost(wire: Wire, error: unknown): void {
    if (this.#wire !== wire) return;
    this.#wire = undefined;
    wire.destroy();
    const request = this.#current;
    if (request === undefined) return; // the next request opens another one
    if (request.tries < TRIES) {
      this.#limit?.cancel();
      this.#current = undefined;
      this.#requests.unshift(request);
      this.#next();
    } else this.#settle(lostError(this.#opener, error));
  }

  #open(): void {
    if (this.#wire !== undefined || this.#opening !== undefined) return;
    // In no scope of a caller: it must not be cancelled with the task whose statement it will stop.
    this.#opening = spawn(() => this.#connect(), { name: 'database control', program: this });
  }

  async #connect(): Promise<void> {
    let opened: Opened | undefined;
    let error: unknown;
    try {
      opened = await openWire(this.#opener, (cause) => {
        if (opened !== undefined) this.#lost(opened.wire, cause);
      });
      this.#wire = opened.wire;
      this.#server = opened.server;
    } catch (cause) {
      error = cause;
    }
    this.#opening = undefined;
    if (error === undefined) this.#next();
    // Otherwise the requests cannot be answered. Without one, the failure shows when it matters.
    else for (const request of this.#requests.splice(0)) request.done(error);
    this.#tell();
  }

  #closeIfUnused(): void {
    if (this.#sessions > 0 || this.#current !== undefined || this.#requests.length > 0) return;
    const wire = this.#wire;
    this.#wire = undefined;
    this.#opening?.cancel('Cancelled: no connection is left');
    if (wire !== undefined) this.#end(wire);
    this.#tell();
  }

  /** Says goodbye. A server that does not answer is left without. */
  #end(wire: Wire): void {
    const limit = callLater(this.#patience, () => wire.destroy());
    const ended = (): void => {
      limit.cancel();
      this.#closing.delete(wire);
      this.#tell();
    };
    this.#closing.add(wire);
    wire.end().then(ended, ended);
  }

  get #isActive(): boolean {
    const { size } = this.#closing;
    return size > 0 || this.#opening !== undefined || this.#current !== undefined || this.#requests.length > 0;
  }

  /** Wakes `closed`. */
  #tell(): void {
    this.#changed?.answer();
    this.#changed = undefined;
  }
}
