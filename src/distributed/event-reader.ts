// EventReader: the one reader of a queue's events. It reads BullMQ's stream from where it was, so a
// lost connection loses no event, and it parses nothing: most events are not for its executor.
//
// QueueEvents of BullMQ parses every result of every caller of the queue, and starts at "now", which
// is later than a job that was just added.
import type { Redis } from 'ioredis';
import { endRedis } from './connect.ts';

/** An event: names and values in turn. BullMQ has the kind first (`event`), and then the job (`jobId`). */
export type QueueEvent = readonly string[];

/** The maximum number of events that are read together. */
const BATCH = 500;

export class EventReader {
  readonly #client: Redis;
  readonly #stream: string;
  readonly #onEvent: (event: QueueEvent) => void;
  /** The id of the last event that was read. */
  #last = '0-0';
  #isClosed = false;
  /** Resolves when the loop has ended. */
  #done: Promise<void> = Promise.resolve();

  /**
   * @param client its own connection, which it blocks
   * @param onEvent called with the events of all jobs: most are of jobs of others
   */
  constructor(client: Redis, stream: string, onEvent: (event: QueueEvent) => void) {
    this.#client = client;
    this.#stream = stream;
    this.#onEvent = onEvent;
  }

  /** Starts behind the last event that is there. Resolves when no later one can be missed. */
  async start(blockMs: number): Promise<void> {
    const [last] = await this.#client.xrevrange(this.#stream, '+', '-', 'COUNT', 1);
    this.#last = last?.[0] ?? '0-0';
    this.#done = this.#read(blockMs);
  }

  /** Ends it, with its connection. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await endRedis(this.#client);
    await this.#done;
  }

  async #read(blockMs: number): Promise<void> {
    while (!this.#isClosed) {
      try {
        const answer = await this.#client.xread('COUNT', BATCH, 'BLOCK', blockMs, 'STREAMS', this.#stream, this.#last);
        for (const [, events] of answer ?? []) {
          for (const [id, fields] of events) {
            this.#last = id;
            this.#onEvent(fields);
          }
        }
      } catch {
        // The connection was closed, or Redis answers errors while it loads its data.
        if (!this.#isClosed) await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

/** A field of an event. Text that is not empty, unless the event has none with this name. */
export function fieldOf(event: QueueEvent, name: 'data' | 'event' | 'jobId' | 'prev' | 'returnvalue'): string {
  for (let i = 0; i + 1 < event.length; i += 2) if (event[i] === name) return event[i + 1] as string; // i + 1 < length
  return '';
}
