// SharedRedis: the connections of all locks and limiters of a process to one Redis. A program can
// have thousands of locks, and two connections serve them all: one for commands, one that hears of
// what others have released.
import { disposable } from '../base/index.ts';
import { Resource } from '../core/index.ts';
import { closeRedis, type RedisOption } from './connect.ts';
import { Link } from './link.ts';

/** Those in use, by their address. */
const shared = new Map<unknown, SharedRedis>();

export class SharedRedis extends Resource {
  /** For commands. */
  readonly commands: Link;
  readonly #address: unknown;
  readonly #listener: Link;
  /** Those that listen, by channel. */
  readonly #watchers = new Map<string, Set<() => void>>();
  /** How many locks and limiters use it. */
  #users = 0;

  private constructor(address: unknown, redis: RedisOption) {
    super();
    this.#address = address;
    this.commands = new Link({ owner: this, redis, action: 'acquire' });
    this.#listener = new Link({
      owner: this,
      redis,
      action: 'acquire',
      opened: (client) => {
        client.on('message', (channel: string) => this.#wake(channel));
      },
    });
  }

  /** Returns the one for this address. Call `leave` once for each. */
  static join(redis: RedisOption): SharedRedis {
    const address = redis instanceof URL ? redis.href : redis;
    let own = shared.get(address);
    if (own === undefined) shared.set(address, (own = new SharedRedis(address, redis)));
    own.#users++;
    return own;
  }

  get kind(): 'redis' {
    return 'redis';
  }

  statistics(): { readonly users: number; readonly channels: number } {
    return { users: this.#users, channels: this.#watchers.size };
  }

  /**
   * Calls `fn` when something is said on the channel, and once when listening has begun: what was
   * said before that is not heard. It may hear nothing at all, so ask now and then.
   */
  watch(channel: string, fn: () => void): Disposable {
    const watchers = this.#watchers.get(channel) ?? new Set();
    watchers.add(fn);
    this.#watchers.set(channel, watchers);
    if (watchers.size === 1) void this.#listen(channel);
    return disposable(() => {
      watchers.delete(fn);
      if (watchers.size > 0 || this.#watchers.get(channel) !== watchers) return;
      this.#watchers.delete(channel);
      this.#listener.client?.unsubscribe(channel).catch(() => undefined); // it is closed
    });
  }

  /** The last one that leaves closes the connections, once what was sent is answered. */
  async leave(): Promise<void> {
    if (--this.#users > 0) return;
    shared.delete(this.#address);
    const { client } = this.commands;
    await Promise.all([this.#listener.close(), client !== undefined && closeRedis(client)]);
    await this.commands.close();
  }

  async #listen(channel: string): Promise<void> {
    try {
      const client = await this.#listener.use();
      if (!this.#watchers.has(channel)) return;
      await client.subscribe(channel);
      this.#wake(channel);
    } catch {
      // There is no Redis, or no right to subscribe: who waits asks now and then.
    }
  }

  #wake(channel: string): void {
    for (const fn of this.#watchers.get(channel) ?? []) fn();
  }
}
