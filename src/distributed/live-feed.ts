// LiveFeed: items over Redis' pub/sub. An item reaches the processes that are connected when it is
// published. What is published while a connection is lost does not arrive; the numbers of the items
// tell how many that were.
//
// A message is a frame with the items of a batch: the sender, the number of the first, the length of
// each, a line end, and then the items. A batch that was sent again, because the connection was lost
// before the answer, has the same numbers, and is left out.
//
// Many messages can come in one piece. They are passed on while every buffer has room. A subscription
// whose buffer is full has some turns to take something out before its policy counts: a burst is no
// reason to end one that only had no turn yet. Messages wait meanwhile, and then have a turn each.
// Above a bound they are left out, and count as missed.
import { type Deadline, Deque } from '../base/index.ts';
import { addDeadline, deleteDeadline, host, loopTime } from '../core/index.ts';
import { decoded, failWith, type Feed, type FeedPlan, type FeedStatistics } from './feed.ts';
import { Link } from './link.ts';
import type { Outgoing } from './publisher.ts';
import type { RedisSubscription } from './redis-subscription.ts';

/** Milliseconds between two questions whether Redis still answers. */
const PING = 4000;
/** How many turns a message waits for a subscription that takes nothing, and for one that does. */
const [PATIENCE, LONG_PATIENCE] = [8, 64];
/** UTF-16 units of text that may wait for their turn. */
const MOST_TEXT = 32 * 1024 * 1024;
/** How many senders of one generation are remembered. */
const MOST_SENDERS = 4096;

/** The first line of a message. */
const HEAD = /^([^ \n]+) (\d+) (\d+(?:,\d+)*)\n/;

/** Makes a message of a batch. */
export function toFrame(sender: string, batch: readonly Outgoing[]): string {
  const [one] = batch;
  if (batch.length === 1 && one !== undefined) return `${sender} ${one.number} ${one.text.length}\n${one.text}`;
  const lengths = batch.map(({ text }) => text.length).join(',');
  return `${sender} ${batch[0]?.number ?? 0} ${lengths}\n${batch.map(({ text }) => text).join('')}`;
}

/**
 * Reads a message.
 * @throws SyntaxError if it is none of ours
 */
export function readFrame(frame: string): { sender: string; first: number; texts: string[] } {
  const parts = HEAD.exec(frame);
  if (parts !== null) {
    const [head, sender, first, lengths] = parts as unknown as readonly [string, string, string, string]; // its groups
    const texts: string[] = [];
    let at = head.length;
    for (const each of lengths.split(',')) texts.push(frame.slice(at, (at += Number(each))));
    if (at === frame.length) return { sender, first: Number(first), texts };
  }
  throw new SyntaxError('Cannot read a message of the channel: it is not one of a RedisBroadcast');
}

/** The last number of each sender. Forgets senders that have been silent for long. */
export class SenderNumbers {
  #young = new Map<string, number>();
  #old = new Map<string, number>();
  /** How many numbers were left out. */
  missed = 0;

  /** Returns how many of the items from number `first` on are known already. */
  known(sender: string, first: number, count: number): number {
    const last = this.#young.get(sender) ?? this.#old.get(sender);
    if (last !== undefined && first > last + 1) this.missed += first - last - 1;
    const known = last === undefined ? 0 : Math.min(Math.max(0, last + 1 - first), count);
    if (known < count) this.#young.set(sender, first + count - 1);
    if (this.#young.size > MOST_SENDERS) [this.#old, this.#young] = [this.#young, new Map()];
    return known;
  }
}

/** Items for those that are connected. */
export class LiveFeed<T> implements Feed<T>, Deadline {
  when = 0;
  slot = -1;
  order = 0;
  readonly #plan: FeedPlan<T>;
  readonly #link: Link;
  readonly #frames: Pick<FeedPlan<ReturnType<typeof readFrame>>, 'owner' | 'decode'>;
  readonly #subscriptions = new Set<RedisSubscription<T>>();
  readonly #numbers = new SenderNumbers();
  /** Messages that wait for their turn. */
  readonly #inbox = new Deque<string>();
  /** UTF-16 units in the inbox. */
  #inboxText = 0;
  /** What did not fit of the latest message. */
  readonly #rest = new Map<RedisSubscription<T>, readonly T[]>();
  /** The turns that it has waited, and those in a row in which nobody took anything. */
  #waited = 0;
  #idle = 0;
  /** A turn was asked for: messages wait, or what did not fit of the latest one. */
  #isTurnComing = false;
  /** Done when the channel is subscribed to. Undefined before the first subscription. */
  #ready: Promise<void> | undefined = undefined;
  #isReady = false;
  /** How often the connection was lost. */
  #interruptions = 0;

  constructor(plan: FeedPlan<T>) {
    this.#plan = plan;
    this.#frames = { owner: plan.owner, decode: readFrame };
    this.#link = new Link({
      owner: plan.owner,
      redis: plan.redis,
      action: `subscribe to ${plan.owner.label}`,
      opened: (client) => {
        client.on('message', (_channel: string, frame: string) => this.#receive(frame));
        client.on('close', () => void this.#interruptions++);
      },
    });
  }

  statistics(): FeedStatistics {
    return { behind: 0, missed: this.#numbers.missed, interruptions: this.#interruptions };
  }

  join(subscription: RedisSubscription<T>): void {
    this.#subscriptions.add(subscription);
    if (this.#isReady) subscription.start(undefined);
    else void this.settled();
  }

  leave(subscription: RedisSubscription<T>): void {
    this.#subscriptions.delete(subscription);
    this.#rest.delete(subscription);
  }

  taken(): void {}

  /** Never rejects: a failure is that of the subscriptions. */
  settled(): Promise<void> | undefined {
    if (this.#isReady || this.#subscriptions.size === 0) return undefined;
    this.#ready ??= this.#subscribe();
    return this.#ready;
  }

  close(): Promise<void> {
    deleteDeadline(this);
    for (const subscription of this.#subscriptions) subscription.end();
    this.#subscriptions.clear();
    this.#rest.clear();
    this.#inbox.clear();
    return this.#link.close();
  }

  /** Asks whether Redis still answers: silence closes the connection. Called by the loop. */
  due(): void {
    const { client } = this.#link;
    if (client?.status === 'ready') client.ping().catch(() => undefined); // its 'close' tells
    this.#beat();
  }

  async #subscribe(): Promise<void> {
    try {
      const client = await this.#link.use();
      await client.subscribe(this.#plan.key);
      if (this.#link.closed) return;
      this.#isReady = true;
      this.#beat();
      for (const subscription of this.#subscriptions) subscription.start(undefined);
    } catch (error) {
      this.#ready = undefined;
      for (const subscription of this.#subscriptions) failWith(subscription, error);
      this.#subscriptions.clear();
    }
  }

  #beat(): void {
    this.when = loopTime() + PING;
    addDeadline(this);
  }

  #receive(frame: string): void {
    if (!this.#isTurnComing) {
      this.#pass(frame);
      if (this.#rest.size > 0) this.#takeTurn();
    } else if (this.#inboxText + frame.length <= MOST_TEXT) {
      this.#inboxText += frame.length;
      this.#inbox.pushBack(frame);
    } // otherwise the numbers of the next frame say what is missing
  }

  #takeTurn(): void {
    this.#isTurnComing = true;
    host.nextTurn(() => {
      this.#isTurnComing = false;
      if (this.#rest.size > 0) this.#passRest();
      else {
        const frame = this.#inbox.popFront();
        if (frame === undefined) return;
        this.#inboxText -= frame.length;
        this.#pass(frame);
      }
      this.#takeTurn();
    });
  }

  #pass(frame: string): void {
    const read = decoded(this.#frames, frame);
    if (read === undefined) return;
    const { sender, first, texts } = read.item;
    const items: T[] = [];
    for (const text of texts.slice(this.#numbers.known(sender, first, texts.length))) {
      const result = decoded(this.#plan, text);
      if (result !== undefined) items.push(result.item);
    }
    this.#waited = 0;
    this.#idle = 0;
    for (const subscription of this.#subscriptions) this.#fill(subscription, items);
  }

  #passRest(): void {
    this.#idle++;
    for (const [subscription, items] of this.#rest) if (this.#fill(subscription, items)) this.#idle = 0;
    if (this.#idle < PATIENCE && ++this.#waited < LONG_PATIENCE) return;
    for (const [subscription, items] of this.#rest) for (const item of items) this.#force(subscription, item);
    this.#rest.clear();
  }

  /** Adds the items for which there is room. Returns false if there is none. */
  #fill(subscription: RedisSubscription<T>, items: readonly T[]): boolean {
    let count = 0;
    while (count < items.length && subscription.offer(undefined, items[count] as T)) count++; // count < length
    if (count === items.length) this.#rest.delete(subscription);
    else this.#rest.set(subscription, count === 0 ? items : items.slice(count));
    return count > 0;
  }

  /** Adds an item, or does what the policy says. */
  #force(subscription: RedisSubscription<T>, item: T): void {
    if (!this.#subscriptions.has(subscription) || subscription.offer(undefined, item)) return;
    if (this.#plan.slow === 'dropOldest') {
      subscription.replace(undefined, item);
      return;
    }
    this.#subscriptions.delete(subscription);
    subscription.tooSlow();
  }
}
