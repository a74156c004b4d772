// What workers say to other parts of the supervisor, by the name of the message: see channel.ts, the
// other end.
import type { BroadcastHub, HubPeer, ToHub } from './broadcast-hub.ts';
import { type NamedThing, NAMES_CHANNEL, RepeatedNames } from './repeated-names.ts';
import { BROADCAST_CHANNEL } from './worker-broadcast.ts';

/** A worker that can be answered. */
export interface Caller {
  readonly id: number;
  readonly place: number;
  post(name: string, body: unknown): void;
}

export class Switchboard {
  readonly #hub: BroadcastHub;
  readonly #names: RepeatedNames;
  /** The workers that have said something to the hub, by id. */
  readonly #peers = new Map<number, HubPeer>();

  constructor(hub: BroadcastHub, warn: (message: string) => void) {
    this.#hub = hub;
    this.#names = new RepeatedNames(warn);
  }

  /** Whether the message is for one of the parts. The worker follows the protocol. */
  receive(caller: Caller, name: string, body: unknown): boolean {
    if (name === BROADCAST_CHANNEL) this.#hub.receive(this.#peerOf(caller), body as ToHub);
    else if (name === NAMES_CHANNEL) this.#names.note(caller.place, body as NamedThing[]);
    else return false;
    return true;
  }

  /** A worker is gone. */
  gone(id: number): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    this.#peers.delete(id);
    this.#hub.gone(peer);
  }

  #peerOf(caller: Caller): HubPeer {
    let peer = this.#peers.get(caller.id);
    if (peer === undefined) {
      peer = { post: (message) => caller.post(BROADCAST_CHANNEL, message) };
      this.#peers.set(caller.id, peer);
    }
    return peer;
  }
}
