// The deck: the listening sockets of all workers, and the way of each client to one of them.
//
// A *place* is one listening address with one set of limits. The supervisor has its sockets for as
// long as a worker may want them, so a place outlives its workers. A gate (net) does all that comes
// before a client is served: accepting, admission, maxConnections. Its limits hold for all workers
// together, because a client leaves the gate only when its worker says so.
//
// States of a client, once the gate has let it in:
//   WAITING (in the line of its place) -> SENT (on its way to a worker) -> TAKEN (the worker has it)
//   -> LEFT (out of the gate).
//   SENT -> WAITING, when the worker dies or declines before it took the client.
//
// - A client goes to the worker that has the fewest, among those that are admitted and listen on its
//   place. While that one has MOST_SENT clients that it did not take yet, the client waits: in line it
//   can still go to another one, and costs the worker nothing.
// - A worker that was sent clients and took none for STALLED ms hangs, or is far too busy: the others
//   come before it.
// - While there is none, clients wait in line, in the order in which they came, at most `backlog`.
// - A worker that is not admitted is sent no client. Those that it has stay.
// - A place that only workers used which do not serve any more stays open for LISTENS_LATE ms: a newer one
//   may still come to it, after other servers. A place that the program of a worker closes is closed at once.
import { callLater, type Handle, InvalidStateError, loopTime } from '../core/index.ts';
import {
  type Address,
  Gate,
  listen,
  Parking,
  type PassedHandle,
  PassedWire,
  type ServerOptions,
  type Wire,
} from '../net/index.ts';
import type { ClientDeck } from './client-deck.ts';
import type { ListenRequest } from './protocol.ts';
import type { WorkerLeaf } from './worker-leaf.ts';

/** How many clients may be on their way to one worker. */
const MOST_SENT = 128;
/** Milliseconds after which a worker that takes no client is passed over. */
const STALLED = 500;
/** Milliseconds that a newer worker has to listen where the ones before it did. */
const LISTENS_LATE = 5000;
/** How many clients may wait for a worker, by default. */
const DEFAULT_BACKLOG = 4096;

/** What `deck.statistics()` returns. */
export interface DeckStatistics {
  /** Clients that were accepted, including those that were refused. */
  readonly accepted: number;
  /** Clients that were refused, for any reason. */
  readonly refused: number;
  /** Clients that wait for a place among `maxConnections`, or for a worker. */
  readonly waiting: number;
  /** Clients on their way to a worker. */
  readonly sent: number;
  /** Clients that workers serve. */
  readonly taken: number;
}

/** A client that the gate has let in. */
interface Client {
  readonly id: number;
  readonly place: Place;
  /** The wire with which it came: its end is the end of the client. */
  readonly wire: Guest;
  /** Undefined while it waits. */
  seat: Seat | undefined;
  isTaken: boolean;
}

/** The wire of a client. */
class Guest extends PassedWire {
  /** Set when the gate has let it in. */
  client: Client | undefined = undefined;
}

/** What the deck knows of a worker. */
interface Seat {
  readonly leaf: WorkerLeaf;
  /** The key of its server on each place. */
  readonly keys: Map<Place, number>;
  /** The names of places that are being opened for it. */
  readonly opening: Set<string>;
  admitted: boolean;
  /** Its clients, SENT and TAKEN. */
  readonly clients: Set<Client>;
  /** How many of them are SENT. */
  sent: number;
  /** When it last took a client, or was sent one while it had none to take. */
  movedAt: number;
  /** When a client was last sent to it: among equals, the one that was served longest ago is next. */
  turn: number;
}

/** One listening address. */
interface Place {
  readonly name: string;
  readonly gate: Gate;
  readonly line: Parking;
  /** Clients for which there was no room in the line. */
  overflowed: number;
  /** Its end, while no worker uses it. */
  closing: Handle | undefined;
}

export class Deck implements ClientDeck {
  readonly #places = new Map<string, Place>();
  /** Places that are being opened, for workers that ask at the same time. */
  readonly #opening = new Map<string, Promise<Place>>();
  readonly #seats = new Map<number, Seat>();
  readonly #clients = new Map<number, Client>();
  /** What the supervisor was told of the server of FILE: who may connect cannot be sent to workers. */
  readonly #server: ServerOptions;
  #lastClient = 0;
  #turns = 0;
  /** The next look at the lines, while a worker has as many to take as it may. */
  #again: Handle | undefined = undefined;
  #closed = false;

  constructor(server: ServerOptions = {}) {
    this.#server = server;
  }

  /** The addresses of all places. */
  get addresses(): Address[] {
    return [...this.#places.values()].flatMap((place) => place.gate.addresses);
  }

  /**
   * Opens the listening socket that a server of a worker wants, or shares the one that is there.
   * Not cancellable: it takes no longer than the system does.
   * @throws the system's error when it cannot listen; InvalidStateError once closed
   */
  async open(worker: number, leaf: WorkerLeaf, request: ListenRequest): Promise<readonly Address[]> {
    const seat = this.#seat(worker, leaf);
    const name = nameOf(request, seat);
    seat.opening.add(name);
    try {
      const place = this.#places.get(name) ?? (await this.#openPlace(name, request));
      if (this.#closed) throw closed();
      if (this.#seats.has(worker)) seat.keys.set(place, request.key);
      else this.#closeUnused(LISTENS_LATE); // it is gone meanwhile
      this.#letIn(place);
      return seat.keys.has(place) ? place.gate.addresses : [];
    } finally {
      seat.opening.delete(name);
    }
  }

  /** A worker has closed one of its servers. */
  unlisten(worker: number, key: number): void {
    const { keys, admitted = false } = this.#seats.get(worker) ?? {};
    for (const [place, each] of keys ?? []) if (each === key) keys?.delete(place);
    this.#closeUnused(admitted ? 0 : LISTENS_LATE);
  }

  /** From now on the worker receives clients. */
  admit(worker: number): void {
    const seat = this.#seats.get(worker);
    if (seat === undefined) return;
    seat.admitted = true;
    for (const place of seat.keys.keys()) this.#letIn(place);
    this.#closeUnused(LISTENS_LATE);
  }

  /** From now on the worker receives none. */
  retire(worker: number): void {
    const seat = this.#seats.get(worker);
    if (seat !== undefined) seat.admitted = false;
  }

  /** A worker has a client. */
  took(id: number): void {
    const client = this.#clients.get(id);
    const seat = client?.seat;
    if (client === undefined || seat === undefined || client.isTaken) return;
    client.isTaken = true;
    seat.sent--;
    seat.movedAt = loopTime();
    for (const place of seat.keys.keys()) this.#letIn(place);
  }

  /** A client is gone. */
  left(id: number): void {
    this.#clients.get(id)?.wire.left();
  }

  /**
   * A worker is gone. Those of its clients that it did not take went to others before, where that is
   * possible.
   * @returns how many clients ended with it
   */
  gone(worker: number): number {
    const seat = this.#seats.get(worker);
    if (seat === undefined) return 0;
    this.#seats.delete(worker);
    seat.admitted = false;
    const ended = [...seat.clients];
    for (const client of ended) client.wire.left();
    this.#closeUnused(LISTENS_LATE);
    return ended.length;
  }

  /** How many clients a worker has, with those on their way to it. */
  connections(worker: number): number {
    return this.#seats.get(worker)?.clients.size ?? 0;
  }

  statistics(): DeckStatistics {
    let [accepted, refused, waiting, sent, taken] = [0, 0, 0, 0, 0];
    for (const { gate, line, overflowed } of this.#places.values()) {
      const figures = gate.statistics();
      accepted += figures.accepted;
      waiting += figures.parked + line.size;
      refused += overflowed;
      for (const count of Object.values(figures.refused)) refused += count;
    }
    for (const seat of this.#seats.values()) {
      sent += seat.sent;
      taken += seat.clients.size - seat.sent;
    }
    return { accepted, refused, waiting, sent, taken };
  }

  /** Stops listening, and drops the clients that no worker was sent. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#again?.cancel();
    for (const place of this.#places.values()) close(place);
    this.#places.clear();
  }

  #seat(worker: number, leaf: WorkerLeaf): Seat {
    const known = this.#seats.get(worker);
    if (known !== undefined) return known;
    const none = { keys: new Map(), opening: new Set<string>(), clients: new Set<Client>() };
    const seat: Seat = { leaf, ...none, admitted: false, sent: 0, movedAt: 0, turn: 0 };
    this.#seats.set(worker, seat);
    return seat;
  }

  #openPlace(name: string, request: ListenRequest): Promise<Place> {
    const before = this.#opening.get(name);
    if (before !== undefined) return before;
    const opening = this.#makePlace(name, request).finally(() => this.#opening.delete(name));
    this.#opening.set(name, opening);
    return opening;
  }

  async #makePlace(name: string, { options }: ListenRequest): Promise<Place> {
    if (this.#closed) throw closed();
    const events = { onClient: (wire: Wire) => this.#came(wire as Guest, place) }; // the listeners below make guests
    const { block, allow } = whereOf(options) === whereOf(this.#server) ? this.#server : {};
    const { onRefused } = this.#server;
    const gate = new Gate({ ...options, block, allow, onRefused }, events, this, (where, told) =>
      listen(where, {
        ...told,
        raw: true,
        onWire: (wire) => told.onWire(new Guest(wire, wire.addresses)),
      }),
    );
    const line = new Parking(options.backlog ?? DEFAULT_BACKLOG);
    const place: Place = { name, gate, line, overflowed: 0, closing: undefined };
    await gate.start();
    if (this.#closed) {
      close(place);
      throw closed();
    }
    this.#places.set(name, place);
    return place;
  }

  /** The gate has let a client in. */
  #came(wire: Guest, place: Place): void {
    const client: Client = { id: ++this.#lastClient, place, wire, seat: undefined, isTaken: false };
    this.#clients.set(client.id, client);
    wire.client = client;
    wire.whenClosed(() => this.#out(client));
    this.#enqueue(wire, client);
  }

  /** A client is out, for whatever reason. Called once. */
  #out(client: Client): void {
    this.#clients.delete(client.id);
    const { seat, place } = client;
    this.#unseat(client);
    place.gate.leave(client.wire);
    for (const each of seat?.keys.keys() ?? []) this.#letIn(each);
  }

  #unseat(client: Client): void {
    if (client.seat?.clients.delete(client) === true && !client.isTaken) client.seat.sent--;
    client.seat = undefined;
  }

  #enqueue(wire: Guest, client: Client): void {
    const { line } = client.place;
    const seat = line.size === 0 ? this.#choose(client.place) : undefined;
    if (seat !== undefined) this.#send(wire, client, seat);
    else if (!line.add(wire)) {
      client.place.overflowed++;
      wire.reset();
    }
  }

  /** Sends the clients that wait, as long as there are workers for them. */
  #letIn(place: Place): void {
    while (place.line.size > 0) {
      const seat = this.#choose(place);
      if (seat === undefined) return;
      const wire = place.line.next() as Guest | undefined; // only guests wait there
      if (wire?.client !== undefined) this.#send(wire, wire.client, seat);
    }
  }

  /** The worker that has the fewest clients. Undefined if the client must wait. */
  #choose(place: Place): Seat | undefined {
    const before = loopTime() - STALLED;
    let best: Seat | undefined;
    let isStalled = false; // the best one
    for (const seat of this.#seats.values()) {
      if (!seat.admitted || !seat.keys.has(place)) continue;
      const isSlow = seat.sent > 0 && seat.movedAt <= before;
      if (best !== undefined && (isSlow === isStalled ? !isFreer(seat, best) : isSlow)) continue;
      best = seat;
      isStalled = isSlow;
    }
    if (best === undefined || best.sent < MOST_SENT) return best;
    this.#again ??= callLater(STALLED, this.#lookAgain); // it may stall, and nobody else may move
    return undefined;
  }

  readonly #lookAgain = (): void => {
    this.#again = undefined;
    for (const place of this.#places.values()) this.#letIn(place);
  };

  #send(wire: Guest, client: Client, seat: Seat): void {
    const { local } = wire.addresses;
    const key = seat.keys.get(client.place) ?? 0; // #choose looked
    const handle = wire.pass();
    if (handle === undefined) return; // it is closed, and leaves
    const parcel = { id: client.id, key, handle, path: 'path' in local ? local.path : undefined };
    seat.turn = ++this.#turns;
    seat.clients.add(client);
    if (seat.sent++ === 0) seat.movedAt = loopTime();
    client.seat = seat;
    if (seat.leaf.send(parcel, (back) => this.#lost(client, back))) return;
    seat.admitted = false; // it is gone, and its end is on the way
    this.#lost(client, handle);
  }

  /** A worker did not take a client. If its handle is still there, the client waits again. */
  #lost(client: Client, handle: PassedHandle | undefined): void {
    if (handle === undefined || client.isTaken) return; // it ends with the worker: gone() counts it
    this.#unseat(client);
    const wire = new Guest(handle, client.wire.addresses);
    wire.client = client;
    wire.whenClosed(() => client.wire.left());
    if (this.#closed) wire.destroy();
    else this.#enqueue(wire, client);
  }

  /**
   * Closes the places that no worker uses any more: because the program of the newer workers does not
   * listen there. While no worker is admitted, the next one may.
   * @param ms how long one may still come
   */
  #closeUnused(ms: number): void {
    for (const place of this.#places.values()) {
      if (!this.#isUnused(place)) continue;
      const end = (): void => {
        place.closing = undefined;
        if (!this.#isUnused(place) || !this.#places.delete(place.name)) return;
        close(place);
      };
      if (ms === 0) end();
      else place.closing ??= callLater(ms, end);
    }
  }

  #isUnused(place: Place): boolean {
    const seats = [...this.#seats.values()];
    return seats.some(({ admitted }) => admitted) && !seats.some(({ keys }) => keys.has(place));
  }
}

function isFreer(seat: Seat, than: Seat): boolean {
  const [count, least] = [seat.clients.size, than.clients.size];
  return count < least || (count === least && seat.turn < than.turn);
}

function close({ gate, line, closing }: Place): void {
  closing?.cancel();
  gate.close();
  line.clear();
}

function closed(): InvalidStateError {
  return new InvalidStateError('Cannot listen: the supervisor is closed');
}

/** Where a server listens, as text. */
function whereOf({ host, port = 0, path, fd }: Pick<ServerOptions, 'host' | 'port' | 'path' | 'fd'>): string {
  return JSON.stringify(path !== undefined ? { path } : fd !== undefined ? { fd } : { host, port });
}

/**
 * The name of the place that a server wants. Servers of different workers with the same name share
 * it. Within one worker, the second server on port 0 has another name than the first.
 */
function nameOf({ options }: ListenRequest, { keys, opening }: Seat): string {
  const { port = 0, path, fd } = options;
  const name = whereOf(options);
  const own = new Set([...keys.keys()].map((place) => place.name).concat(...opening));
  let count = 1;
  while (own.has(`${name} ${count}`)) count++;
  if (count > 1 && (path !== undefined || fd !== undefined || port !== 0)) {
    const error = new Error(`listen EADDRINUSE: another server of this worker listens there: ${name}`);
    throw Object.assign(error, { code: 'EADDRINUSE', syscall: 'listen' });
  }
  return `${name} ${count}`;
}
