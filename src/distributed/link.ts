// Link: one connection to Redis that is opened when it is first needed.
//
// States: UNOPENED -(use)-> OPENING -> OPEN, or UNOPENED again if it failed: the next use tries
// again. From any of them -(close)-> CLOSED. An OPEN connection that is lost is made again by
// ioredis; what is sent meanwhile waits for it.
//
// A connection is opened in a task of its own, so that the cancel of one caller does not reach the
// others.
import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { QueueShutDown, type Resource, spawn } from '../core/index.ts';
import { endRedis, openRedis, type RedisOption, refusedError } from './connect.ts';

/**
 * Milliseconds without a byte from Redis, while an answer is due, after which a connection counts as
 * lost. A partition that swallows packets shows itself in no other way.
 */
const SILENCE = 8000;

/** What a link is for. */
export interface LinkPlan {
  /** The resource to which its task belongs. */
  readonly owner: Resource;
  readonly redis: RedisOption;
  /** What it is for, for messages: `publish on broadcast "chat"`. */
  readonly action: string;
  /** Called with every connection that was opened, before anybody uses it. */
  readonly opened?: (client: Redis) => void;
}

/** A connection that is opened when it is needed. */
export class Link {
  readonly #plan: LinkPlan;
  #client: Redis | undefined = undefined;
  /** Undefined while UNOPENED. */
  #opening: Promise<Redis> | undefined = undefined;
  #closed = false;

  constructor(plan: LinkPlan) {
    this.#plan = plan;
  }

  /** The connection, if it is OPEN. */
  get client(): Redis | undefined {
    return this.#client;
  }

  /** True after `close`. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Returns the connection, and opens it if it is not.
   * @throws ConnectionLostError if there is no Redis; QueueShutDown after `close`
   */
  use(): Promise<Redis> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /**
   * Closes it at once: commands that are on their way reject. Resolves when the socket is closed.
   * Idempotent.
   */
  close(): Promise<void> {
    this.#closed = true;
    return this.#client === undefined ? Promise.resolve() : endRedis(this.#client);
  }

  async #open(): Promise<Redis> {
    const { owner, redis, action, opened } = this.#plan;
    try {
      if (this.#closed) throw new QueueShutDown(`Cannot ${action}: it is closed`);
      const task = spawn(() => openRedis(action, redis, { socketTimeout: SILENCE }), {
        name: `${owner.label} connect`,
        program: owner,
      });
      const client = await task.outcome();
      if (this.#closed) {
        void endRedis(client);
        throw new QueueShutDown(`Cannot ${action}: it was closed meanwhile`);
      }
      this.#client = client;
      opened?.(client);
      return client;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }
}

/** A Lua script that runs in Redis as one step. */
export class Script {
  readonly #action: string;
  readonly #text: string;
  readonly #sha: string;

  /** @param action what it is for, for messages: "acquire" */
  constructor(action: string, text: string) {
    this.#action = action;
    this.#text = text;
    this.#sha = createHash('sha1').update(text).digest('hex');
  }

  /**
   * Runs it in the order of the commands, whatever Redis has forgotten: the text is sent each time.
   */
  async runInOrder(client: Redis, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await client.eval(this.#text, keys.length, ...keys, ...args);
    } catch (error) {
      throw refusedError(this.#action, error);
    }
  }

  /** Runs it. Redis forgets scripts when it restarts; then the text is sent. */
  async run(client: Redis, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await client.evalsha(this.#sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw refusedError(this.#action, error);
      return this.runInOrder(client, keys, args);
    }
  }
}
