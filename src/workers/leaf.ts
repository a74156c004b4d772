// What the leaves of threads and of processes have in common, at the supervisor: the messages of the
// worker as events, and the clients that it was sent.
//
// - A client is in `sent` until the worker says that it took or declined it.
// - A client may get lost on the way: the system drops a descriptor for which a process has no room, and
//   tells nobody. So while clients are in `sent`, each pulse of the worker is answered with a probe. Its
//   answer comes behind what the worker says of the clients before it. Those that are still in `sent`
//   then did not arrive.
// - `gone` comes once and last: after all that the worker had sent, and after `lost` for each client
//   that it did not take.
import type { MessagePort } from 'node:worker_threads';
import { reportException } from '../core/index.ts';
import { type OpenedRoom, openRoom, type RoomPlace } from '../hosts/node/index.ts';
import type { Address, PassedHandle } from '../net/index.ts';
import { findBundle } from './bundle.ts';
import type { DrainOrder, FromWorker, ToWorker, WorkerStart } from './protocol.ts';
import type { ClientToSend, LeafEvents, WorkerLeaf } from './worker-leaf.ts';

/** Where a client is whose worker did not take it yet. */
export interface Sent {
  /** The worker has it: this side closes its descriptor. */
  taken(): void;
  /** Its handle, if it is still here. */
  takeBack(): PassedHandle | undefined;
}

/** A client on its way. */
interface Way {
  readonly parcel: Sent;
  readonly lost: (handle: PassedHandle | undefined) => void;
  /** Which one it was: a client that came back has another number the next time. */
  readonly turn: number;
}

export abstract class Leaf implements WorkerLeaf {
  abstract readonly place: string;
  readonly #events: LeafEvents;
  readonly #sent = new Map<number, Way>();
  #lastSent = 0;
  /** It was reported that clients did not arrive. */
  #isReported = false;
  /** Those that it took and that have not left. */
  readonly #clients = new Set<number>();
  #isGone = false;
  #isDrained = false;
  #wasKilled = false;
  readonly #id: number;
  /** In which the inspector sees the worker; undefined without one. */
  readonly #room: OpenedRoom | undefined;
  /** The error that ends it, as it has said. */
  #fatal: string | undefined = undefined;

  constructor(events: LeafEvents, room: RoomPlace) {
    this.#events = events;
    this.#id = room.worker;
    this.#room = openRoom(room);
  }

  /** Sends the order to start. If there is none, as for want of a certificate, nothing is left of the worker. */
  protected begin(start: WorkerStart): void {
    try {
      const { message, transfer } = this.#startOrder(start);
      this.write(message, transfer);
    } catch (error) {
      this.#isGone = true;
      this.#room?.close();
      this.end();
      throw error;
    }
  }

  /** The order to start, and what has to be transferred with it. */
  #startOrder(start: WorkerStart): { readonly message: ToWorker; readonly transfer: MessagePort[] } {
    const { seat, transfer = [] } = this.#room ?? {};
    const { tls } = start.server;
    // Each worker has the certificate of its time: whoever gave getters is asked now. Not while the message is
    // made: two Buffers can be parts of one block of memory, which is copied with the first of them.
    const server = tls === undefined ? start.server : { ...start.server, tls: { ...tls } };
    const bundle = findBundle();
    const more = { ...(seat === undefined ? {} : { seat }), ...(bundle === undefined ? {} : { bundle }) };
    return {
      message: { type: 'start', start: { ...start, server, ...more } },
      transfer: [...transfer],
    };
  }

  /** Sends a message, if the worker is there. */
  protected abstract write(message: ToWorker, transfer?: readonly MessagePort[]): void;
  /** Sends a client. Undefined if the worker is not there. */
  protected abstract writeClient(message: ToWorker, handle: PassedHandle): Sent | undefined;
  /** Ends it at once. `ended` follows. */
  protected abstract end(): void;

  listening(key: number, addresses: readonly Address[]): void {
    this.write({ type: 'listening', key, addresses });
  }

  refused(key: number, error: Error): void {
    const { code, message } = error as NodeJS.ErrnoException; // undefined on others
    this.write({ type: 'refused', key, code, message });
  }

  send({ id, key, path, handle }: ClientToSend, lost: (handle: PassedHandle | undefined) => void): boolean {
    if (this.#isGone) return false;
    const parcel = this.writeClient({ type: 'client', client: id, key, path }, handle);
    if (parcel === undefined) return false;
    this.#sent.set(id, { parcel, lost, turn: ++this.#lastSent });
    return true;
  }

  post(name: string, body: unknown): void {
    this.write({ type: 'message', name, body });
  }

  drain(order: DrainOrder): void {
    this.write({ type: 'drain', order });
  }

  kill(): void {
    if (this.#isGone) return;
    this.#wasKilled = true;
    this.end();
  }

  /** What the worker has said. */
  protected receive(message: FromWorker): void {
    const events = this.#events;
    switch (message.type) {
      case 'listen':
        return events.onListen(message.request);
      case 'unlisten':
        return events.onUnlisten(message.key);
      case 'ready':
        return events.onReady();
      case 'failed':
        return events.onFailed(message.failure);
      case 'took': {
        const sent = this.#sent.get(message.client);
        this.#sent.delete(message.client);
        this.#clients.add(message.client);
        sent?.parcel.taken();
        return events.onTook(message.client);
      }
      case 'declined':
        if (!this.#takeBack(message.client)) events.onLeft(message.client);
        return;
      case 'left':
        this.#clients.delete(message.client);
        return events.onLeft(message.client);
      case 'event':
        return events.onEvent(message.event);
      case 'probed':
        return this.#probed(message.last);
      case 'pulse':
        if (this.#sent.size > 0) this.write({ type: 'probe', last: this.#lastSent });
        return events.onPulse(message.pulse);
      case 'message':
        return events.onMessage(message.name, message.body);
      case 'ends':
        return events.onEnds();
      case 'fatal':
        this.#fatal ??= message.message;
        return;
      case 'drained':
        this.#isDrained = true;
        return events.onDrained(message.report);
    }
  }

  /** It is gone, and nothing of it can come any more. @param how `exit code 1`, in words */
  protected ended(how: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#room?.close();
    for (const client of [...this.#sent.keys()]) this.#takeBack(client);
    const error =
      this.#isDrained || this.#wasKilled ? undefined : new Error(this.#fatal ?? `it ended by itself: ${how}`);
    this.#events.onGone(error, [...this.#clients]);
  }

  /** The clients up to the `last` one have arrived, or never will. */
  #probed(last: number): void {
    const missing = [...this.#sent].filter(([, { turn }]) => turn <= last).map(([client]) => client);
    for (const client of missing) this.#takeBack(client);
    if (missing.length === 0 || this.#isReported) return;
    this.#isReported = true;
    const why = 'most likely it has no file descriptor left; raise the limit (ulimit -n), or lower maxConnections';
    const message = `Worker ${this.#id} did not receive a client, which is sent again: ${why}`;
    reportException({ message, error: new Error(message), brief: true });
  }

  /** Returns whether its handle is still here. */
  #takeBack(client: number): boolean {
    const sent = this.#sent.get(client);
    this.#sent.delete(client);
    const handle = sent?.parcel.takeBack();
    sent?.lost(handle);
    return handle !== undefined;
  }
}
