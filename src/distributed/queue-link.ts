// QueueLink: the connections of one executor to its queue: one for commands, which BullMQ's Queue shares,
// and one that reads events. Whether both are there decides if the executor is offline.
import type { JobsOptions, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { cancellable, ConnectionLostError, type WaitOptions } from '../core/index.ts';
import { closeRedis, loadPackage, openRedis, type RedisOption } from './connect.ts';
import { EventReader, type QueueEvent } from './event-reader.ts';
import type { Control, JobData, RedisNames } from './remote-protocol.ts';

/** The maximum number of milliseconds that a connection may be silent with a command on its way. */
const SILENCE = 10_000;
/** Milliseconds in which a connection must answer when there is reason to doubt it. */
const PROBE = 2000;

/** What a link reports. */
export interface LinkEvents {
  /** Called with every event of the queue. */
  onEvent(event: QueueEvent): void;
  /** Called when a connection is lost, unless it was closed. */
  onLost(): void;
  /** Called when both are there again. */
  onBack(): void;
}

export class QueueLink {
  readonly client: Redis;
  readonly queue: Queue;
  readonly #names: RedisNames;
  readonly #events: Redis;
  readonly #reader: EventReader;
  /** Milliseconds that the clock of Redis is ahead of ours. */
  #ahead = 0;
  #isClosed = false;

  private constructor(client: Redis, events: Redis, queue: Queue, names: RedisNames, on: LinkEvents) {
    this.client = client;
    this.queue = queue;
    this.#names = names;
    this.#events = events;
    this.#reader = new EventReader(events, names.events, (event) => on.onEvent(event));
    events.on('close', () => {
      if (!this.#isClosed) probe(client);
    });
    for (const each of [client, events]) {
      each.on('close', () => {
        if (!this.#isClosed) on.onLost();
      });
      each.on('ready', () => {
        if (this.isOnline) on.onBack();
      });
    }
  }

  /**
   * Opens both connections. Cancellable.
   * @param silence milliseconds after which a connection that answers nothing counts as lost
   */
  static async open(
    redis: RedisOption,
    names: RedisNames,
    on: LinkEvents,
    { silence = SILENCE, ...wait }: WaitOptions & { readonly silence?: number } = {},
  ): Promise<QueueLink> {
    const action = 'use executor';
    const bull = await loadPackage(action, 'bullmq', () => import('bullmq'));
    const opened: Redis[] = [];
    try {
      const client = await openRedis(action, redis, {}, wait);
      opened.push(client);
      // This one always has a command on its way, so it notices a silence for both.
      const events = await openRedis(action, redis, { socketTimeout: silence }, wait);
      opened.push(events);
      const queue = new bull.Queue(names.queue, { connection: client, prefix: names.prefix });
      queue.on('error', () => undefined); // the connection is made again, and its state is ours to watch
      const link = new QueueLink(client, events, queue, names, on);
      await cancellable(link.#begin(silence), wait);
      return link;
    } catch (error) {
      await Promise.all(opened.map((each) => closeRedis(each)));
      throw error;
    }
  }

  get isOnline(): boolean {
    return this.client.status === 'ready' && this.#events.status === 'ready';
  }

  /** The time, by the clock of Redis, in milliseconds since the epoch. */
  now(): number {
    return Date.now() + this.#ahead;
  }

  /** Adds a job. Its delay begins by the clock of Redis: ours may be another one. */
  async add(data: JobData, options: JobsOptions): Promise<void> {
    await this.queue.add(data.label, data, { ...options, timestamp: Math.round(this.now()) });
  }

  /** Sends a worker a message, which may be lost. */
  publish(control: Control): void {
    if (this.client.status !== 'ready') return; // whoever sends repeats it
    this.client.publish(this.#names.control, JSON.stringify(control)).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#reader.close();
    await this.queue.close().catch(() => undefined); // it may have been cut off
    await closeRedis(this.client);
  }

  async #begin(silence: number): Promise<void> {
    await this.queue.waitUntilReady();
    this.#ahead = await clockAhead(this.client);
    await this.#reader.start(Math.ceil(silence / 2));
  }
}

/**
 * Makes a connection again that does not answer within PROBE milliseconds. What was on its way is sent
 * again.
 */
export function probe(client: Redis): void {
  if (client.status !== 'ready') return;
  const over = (): void => {
    clearTimeout(timer);
    client.off('close', over);
  };
  const timer = setTimeout(() => {
    over();
    client.disconnect(true);
  }, PROBE);
  client.once('close', over);
  client.ping().then(over, over);
}

/** Milliseconds that the clock of Redis is ahead of ours. */
export async function clockAhead(client: Redis): Promise<number> {
  const asked = Date.now();
  const [seconds, micros] = await client.time();
  const heard = Date.now();
  return Number(seconds) * 1000 + Number(micros) / 1000 - (asked + heard) / 2;
}

/** The error of what was asked beside the calls. */
export function unansweredError(action: string, ms: number): ConnectionLostError {
  return new ConnectionLostError(
    `Cannot ${action}: Redis has been away for ${ms} ms. What was sent may still be done once it is back`,
  );
}

/** The error of calls that were cut off. */
export function offlineError(label: string, ms: number): ConnectionLostError {
  return new ConnectionLostError(
    `The outcome of ${label} is not known: Redis has been away for ${ms} ms. The job may run, or have run; with a key, ask again`,
  );
}
