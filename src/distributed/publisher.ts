// Publisher: sends items in the order of the calls, in batches.
//
// States of an item: LINED -(its batch is sent)-> SENT -(the answer)-> resolved or rejected.
//
// - A batch is what is LINED when there is leave to send one: with little to do, an item leaves in
//   the microtask after its call; with much, one command carries hundreds.
// - At most WINDOW batches are on their way, each one command, all on one connection: Redis runs them
//   in their order. ioredis sends those that were on their way when the connection was lost again, in
//   that order. So a command must not be one that Redis may refuse and the next one not: EVAL, not
//   EVALSHA, whose script Redis may have forgotten.
// - Items are numbered. A batch that is sent again has the same numbers, so the receiver leaves out
//   what it has.
// - A cancel of a LINED item takes it out: it is not published. A cancel of a SENT item ends the
//   wait alone.
// - All items have the same time limit, so the oldest is due first, and one deadline serves all.
import type { Deadline } from '../base/index.ts';
import {
  addDeadline,
  beginWait,
  deleteDeadline,
  Line,
  loopTime,
  QueuedWait,
  QueueFull,
  QueueShutDown,
  type Resource,
  TimeoutError,
  type WaitOptions,
} from '../core/index.ts';

/** The most batches on their way: Redis works on one while the next one is made. */
const WINDOW = 4;
/** The most UTF-16 units of text in a batch, unless one item has more. */
const MOST_TEXT = 1024 * 1024;

/** One item on its way. */
export interface Outgoing {
  readonly text: string;
  /** Who numbers it, for `once`; undefined for the publisher itself. */
  readonly sender: string | undefined;
  /** Its number among those of its sender. The publisher numbers its own when it sends them. */
  number: number;
}

class PublishWait extends QueuedWait<void> implements Outgoing {
  readonly text: string;
  readonly sender: string | undefined;
  number: number;
  readonly begun: number = loopTime();

  constructor(resource: Resource, text: string, once: Once | undefined, options: WaitOptions | undefined) {
    super('broadcast.publish', resource, options);
    this.text = text;
    this.sender = once?.sender;
    this.number = once?.number ?? 0;
  }
}

interface Once {
  readonly sender: string;
  readonly number: number;
}

/** What a publisher needs. */
export interface PublisherPlan {
  /** The broadcast, for messages and waits. */
  readonly resource: Resource;
  /** Milliseconds that a publish may take. */
  readonly timeout: number;
  /** How many items may be LINED. */
  readonly maxWaiting: number;
  /** The most items in a batch. */
  readonly most: number;
  /** Sends a batch. It resolves when Redis has the items, however often they were sent. */
  readonly send: (batch: readonly Outgoing[]) => Promise<unknown>;
}

/** Sends items in order. */
export class Publisher implements Deadline {
  when: number = Infinity;
  slot = -1;
  order = 0;
  readonly #plan: PublisherPlan;
  readonly #line = new Line<void, PublishWait>();
  /** SENT, in order. */
  readonly #batches = new Set<readonly PublishWait[]>();
  /** A microtask will send what is LINED. */
  #isSending = false;
  #last = 0;
  #closed = false;
  /** Called when nothing is left. */
  #drained: (() => void) | undefined = undefined;

  constructor(plan: PublisherPlan) {
    this.#plan = plan;
  }

  /** How many publishes wait. */
  get waiting(): number {
    let count = this.#line.size;
    for (const batch of this.#batches) count += batch.length;
    return count;
  }

  /** Sends an item; see `RedisBroadcast.publish`. */
  publish(text: string, once: Once | undefined, options: WaitOptions | undefined): Promise<void> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    const { resource, maxWaiting } = this.#plan;
    if (this.#closed) return Promise.reject(this.#ended());
    if (this.#line.size >= maxWaiting) {
      return Promise.reject(
        new QueueFull(`Cannot publish on ${resource.label}: ${maxWaiting} items wait for Redis already`),
      );
    }
    const wait = new PublishWait(resource, text, once, options);
    const promise = this.#line.join(wait);
    this.#watch();
    this.#sendSoon();
    return promise;
  }

  /** Resolves when nothing is left to send. */
  drained(): Promise<void> {
    if (this.waiting === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const before = this.#drained;
      this.#drained = () => {
        before?.();
        resolve();
      };
    });
  }

  /** Rejects everything that waits. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#line.failAll(() => this.#ended());
    for (const wait of this.#sent()) wait.fail(this.#ended(' meanwhile, and Redis may have the item or not'));
    this.#settled();
  }

  /** The oldest item is late. Called by the loop. */
  due(): void {
    const { resource, timeout } = this.#plan;
    const late = (wait: PublishWait, what: string): boolean => {
      if (wait.begun + timeout > loopTime()) return false;
      wait.fail(
        new TimeoutError(`Cannot publish on ${resource.label}: Redis has not answered in ${timeout} ms; ${what}`),
      );
      return true;
    };
    for (const wait of this.#sent()) late(wait, 'it may have the item or not');
    for (let wait = this.#line.first; wait !== undefined && late(wait, 'the item was not sent');) {
      this.#line.shift();
      wait = this.#line.first;
    }
    this.#watch();
  }

  /** Items of the same step leave together. */
  #sendSoon(): void {
    if (this.#isSending || this.#batches.size >= WINDOW) return;
    this.#isSending = true;
    void Promise.resolve().then(() => {
      this.#isSending = false;
      while (this.#line.size > 0 && this.#batches.size < WINDOW) void this.#send(this.#next());
    });
  }

  async #send(batch: readonly PublishWait[]): Promise<void> {
    this.#batches.add(batch);
    try {
      await this.#plan.send(batch);
      for (const wait of batch) wait.answer();
    } catch (error) {
      for (const wait of batch) wait.fail(error);
    }
    this.#batches.delete(batch);
    if (this.#line.size > 0) this.#sendSoon();
    else this.#settled();
  }

  *#sent(): Iterable<PublishWait> {
    for (const batch of this.#batches) yield* batch;
  }

  #next(): PublishWait[] {
    const batch: PublishWait[] = [];
    let length = 0;
    while (batch.length < this.#plan.most) {
      const wait = this.#line.first;
      if (wait === undefined || (batch.length > 0 && length + wait.text.length > MOST_TEXT)) break;
      this.#line.shift();
      length += wait.text.length;
      if (wait.sender === undefined) wait.number = ++this.#last;
      batch.push(wait);
    }
    return batch;
  }

  #settled(): void {
    if (this.#line.size > 0 || this.#batches.size > 0) return;
    if (this.#closed) deleteDeadline(this); // otherwise it stays: the next item would need another
    this.#drained?.();
    this.#drained = undefined;
  }

  /** Sets the deadline for the oldest item that still waits, unless one is set. */
  #watch(): void {
    if (this.slot !== -1 || this.#plan.timeout === Infinity) return;
    let oldest = this.#line.first;
    for (const wait of this.#sent()) {
      if (!wait.waiting) continue;
      oldest = wait;
      break;
    }
    if (oldest === undefined) return;
    this.when = oldest.begun + this.#plan.timeout;
    addDeadline(this);
  }

  #ended(when = ''): QueueShutDown {
    return new QueueShutDown(`Cannot publish on ${this.#plan.resource.label}: it was closed${when}`);
  }
}
