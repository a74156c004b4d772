// Passes the items of WorkerBroadcasts on: in the supervisor between its workers, and in every program
// between those that have the same name in it. So a program that has no workers works the same.
//
// A participant is one WorkerBroadcast. It joins a topic, which is its name, and receives the items
// of all others there. What it publishes comes with a ref, and `done` answers that:
// - with `wait`, when all the others have room for the item, or are gone;
// - with the other policies, at once. Each participant has an outbox here, which keeps to its policy.
import type { SlowPolicy } from '../queues/index.ts';
import { Outbox } from './outbox.ts';

/** What a participant says. `key` is its number in its worker. */
export type ToHub =
  | {
      readonly op: 'join';
      readonly key: number;
      readonly topic: string;
      readonly slow: SlowPolicy;
      readonly capacity: number;
    }
  | { readonly op: 'leave'; readonly key: number }
  | ItemMessage
  | { readonly op: 'taken'; readonly key: number; readonly ref: number };

/** What it is told. */
export type FromHub = ItemMessage | { readonly op: 'done'; readonly key: number; readonly ref: number };

export interface ItemMessage {
  readonly op: 'item';
  readonly key: number;
  readonly ref: number;
  /** As node:v8 serializes it. */
  readonly item: Uint8Array;
  /** Items before this one were lost, and subscribers that may not lose any end. */
  readonly gap: boolean;
}

/** Where participants are: a worker, or this program. One object for each. */
export interface HubPeer {
  post(message: FromHub): void;
}

interface Participant {
  readonly topic: string;
  readonly slow: SlowPolicy;
  readonly outbox: Outbox;
}

export class BroadcastHub {
  readonly #topics = new Map<string, Set<Participant>>();
  readonly #peers = new Map<HubPeer, Map<number, Participant>>();

  /** Items that were lost here because a worker did not take them in time. */
  #lost = 0;

  /** How many participants there are, items that wait for one, and items that were lost. */
  statistics(): { readonly participants: number; readonly waiting: number; readonly lost: number } {
    let [participants, waiting, lost] = [0, 0, this.#lost];
    for (const all of this.#topics.values()) {
      participants += all.size;
      for (const { outbox } of all) {
        waiting += outbox.size;
        lost += outbox.lost;
      }
    }
    return { participants, waiting, lost };
  }

  /** A participant at `peer` has said something. */
  receive(peer: HubPeer, message: ToHub): void {
    if (message.op === 'join') return this.#join(peer, message);
    const participant = this.#peers.get(peer)?.get(message.key);
    if (participant === undefined) return;
    if (message.op === 'leave') this.#leave(peer, message.key, participant);
    else if (message.op === 'taken') participant.outbox.settle(message.ref);
    else this.#pass(peer, participant, message);
  }

  /** A peer is gone, with its participants. */
  gone(peer: HubPeer): void {
    for (const [key, participant] of this.#peers.get(peer) ?? []) this.#leave(peer, key, participant);
  }

  #join(peer: HubPeer, { key, topic, slow, capacity }: ToHub & { op: 'join' }): void {
    const send = (ref: number, item: Uint8Array, gap: boolean): void => peer.post({ op: 'item', key, ref, item, gap });
    const participant = { topic, slow, outbox: new Outbox(slow, capacity, send) };
    const here = this.#peers.get(peer) ?? new Map<number, Participant>();
    this.#peers.set(peer, here.set(key, participant));
    const all = this.#topics.get(topic) ?? new Set<Participant>();
    this.#topics.set(topic, all.add(participant));
  }

  #leave(peer: HubPeer, key: number, participant: Participant): void {
    const all = this.#topics.get(participant.topic);
    all?.delete(participant);
    if (all?.size === 0) this.#topics.delete(participant.topic);
    const here = this.#peers.get(peer);
    here?.delete(key);
    if (here?.size === 0) this.#peers.delete(peer);
    this.#lost += participant.outbox.lost;
    participant.outbox.end();
  }

  #pass(peer: HubPeer, from: Participant, { key, ref, item, gap }: ItemMessage): void {
    const others = [...(this.#topics.get(from.topic) ?? [])].filter((each) => each !== from);
    let left = others.length;
    const done = (): void => peer.post({ op: 'done', key, ref });
    const isWaiting = from.slow === 'wait' && left > 0;
    const settled = (): void => {
      if (--left === 0 && isWaiting) done();
    };
    for (const { outbox } of others) outbox.add(item, gap, settled);
    if (!isWaiting) done();
  }
}

let own: BroadcastHub | undefined;

/** The hub of this program. In that of a supervisor, its workers take part in it. */
export function ownHub(): BroadcastHub {
  return (own ??= new BroadcastHub());
}
