// StreamFeed: items over a Redis stream, which keeps the latest ones.
//
// Ids. An item's id is `<ms>-<n>`, where n counts the items of the stream without a gap. So a reader
// that sees n + 2 after n knows that an item is missing. The first part is Redis' clock, so the items
// of a stream that was lost and begun anew have other ids.
//
// One connection waits in XREAD for all that are LIVE, from `#at` on. Everybody else reads ranges of
// the stream by himself, over the connection for commands. States of a follower, one for each
// subscription:
//
//   STARTING -> CATCHING UP -(at the end of the stream, and not before #at)-> LIVE
//                 ^   |  ^                                                     |
//       (room)    |   v  '--------------------- (its buffer is full) ----------'
//                FULL                     with the policy `wait`
//
// - A follower has every item up to `at` in its buffer or beyond, each once. It is LIVE only if
//   `at.n >= #at.n`, and skips what it has. So the change between the two ways loses nothing.
// - A range is read from `at` itself, and its first item must be that one. Otherwise it was trimmed,
//   and items after it may have been too: the subscription fails with MissedItemsError.
// - Memory: a buffer for each subscription, one range for each that is CATCHING UP, at most as long
//   as the room in its buffer, and one answer of XREAD.
// - Redis holds back nothing and nobody: a follower that is too slow for the length of the stream
//   fails, too.
import type { Redis } from 'ioredis';
import { MissedItemsError } from '../core/index.ts';
import { decoded, failWith, type Feed, type FeedPlan, type FeedStatistics } from './feed.ts';
import { Link, Script } from './link.ts';
import type { Outgoing } from './publisher.ts';
import type { RedisSubscription } from './redis-subscription.ts';

/** The most items in a range or an answer of XREAD. */
const PAGE = 128;
/** Milliseconds after which XREAD returns without an item. */
const BLOCK = 2000;
/** Milliseconds for which Redis remembers the last number of a sender. */
const REMEMBER = 24 * 60 * 60 * 1000;

/** The field of a stream's entry that holds the item. */
const FIELD = 'd';

type Entry = readonly [id: string, fields: readonly string[]];

interface Position {
  readonly id: string;
  readonly n: number;
}

/** Before the first item of a stream. */
const START: Position = { id: '0', n: 0 };

// Numbers go through string.format: Lua would write a large one as 1.7e+15.
const append = new Script(
  'publish',
  `
local last = {}
local ms, n = 0, 0
local tail = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if tail then
  local a, b = string.match(tail[1], '(%d+)-(%d+)')
  ms, n = tonumber(a), tonumber(b)
end
local time = redis.call('TIME')
ms = math.max(ms, tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
local left = 0
for i = 4, #ARGV, 3 do
  local key = KEYS[tonumber(ARGV[i])]
  local number = tonumber(ARGV[i + 1])
  if last[key] == nil then last[key] = tonumber(redis.call('GET', key) or 0) end
  if number > last[key] then
    last[key] = number
    n = n + 1
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], string.format('%.0f-%.0f', ms, n), ARGV[3], ARGV[i + 2])
  else
    left = left + 1
  end
end
for key, number in pairs(last) do redis.call('SET', key, string.format('%.0f', number), 'PX', ARGV[2]) end
return left
`,
);

/** Appends a batch. Leaves out what the stream has, by the numbers of the senders. */
export function appendBatch(
  client: Redis,
  key: string,
  max: number,
  self: string,
  batch: readonly Outgoing[],
): Promise<unknown> {
  const keys = [key];
  const places = new Map<string, number>();
  const args: (string | number)[] = [max, REMEMBER, FIELD];
  for (const { text, sender, number } of batch) {
    const name = sender === undefined ? `self:${self}` : `once:${sender}`;
    let place = places.get(name);
    if (place === undefined) {
      place = keys.push(`${key}:${name}`);
      places.set(name, place);
    }
    args.push(place, number, text);
  }
  return append.runInOrder(client, keys, args);
}

/** One subscription, and how far it is. */
class Follower<T> {
  readonly subscription: RedisSubscription<T>;
  /** The last item that it has received. */
  at: Position;
  /** FULL: it waits for room. */
  isFull = false;
  /** Whether its last range ended with the stream. */
  isAtEnd = false;
  isOver = false;

  constructor(subscription: RedisSubscription<T>) {
    this.subscription = subscription;
    this.at = START;
  }
}

/** Items for those that are connected, and for those that come back. */
export class StreamFeed<T> implements Feed<T> {
  readonly #plan: FeedPlan<T>;
  /** For ranges. That of the publisher. */
  readonly #commands: Link;
  /** For XREAD alone. */
  readonly #reader: Link;
  readonly #followers = new Map<RedisSubscription<T>, Follower<T>>();
  readonly #live = new Set<Follower<T>>();
  /** Up to where XREAD has read. Undefined while it does not run. */
  #at: Position | undefined = undefined;

  constructor(plan: FeedPlan<T>, commands: Link) {
    this.#plan = plan;
    this.#commands = commands;
    this.#reader = new Link({ owner: plan.owner, redis: plan.redis, action: `subscribe to ${plan.owner.label}` });
  }

  statistics(): FeedStatistics {
    return { behind: this.#followers.size - this.#live.size, missed: 0, interruptions: 0 };
  }

  join(subscription: RedisSubscription<T>, after: string | undefined): void {
    const follower = new Follower(subscription);
    this.#followers.set(subscription, follower);
    void this.#follow(follower, (client) => this.#begin(client, follower, after));
  }

  leave(subscription: RedisSubscription<T>): void {
    const follower = this.#followers.get(subscription);
    if (follower !== undefined) this.#drop(follower);
  }

  taken(subscription: RedisSubscription<T>): void {
    const follower = this.#followers.get(subscription);
    if (follower === undefined || !follower.isFull) return;
    const { size, capacity } = subscription.statistics();
    if (size * 2 > capacity) return; // a range for a single place would be a command for each item
    follower.isFull = false;
    void this.#follow(follower);
  }

  /** The order of the commands on one connection already says it. */
  settled(): undefined {
    return undefined;
  }

  close(): Promise<void> {
    for (const { subscription } of this.#followers.values()) subscription.end();
    for (const follower of this.#followers.values()) this.#drop(follower);
    return this.#reader.close();
  }

  // ---- catching up ---------------------------------------------------------------------------------------------

  /** Moves a follower until it is LIVE, FULL or over. Never rejects. */
  async #follow(follower: Follower<T>, begin?: (client: Redis) => Promise<void>): Promise<void> {
    try {
      const client = this.#commands.client ?? (await this.#commands.use());
      await begin?.(client);
      while (!follower.isOver && !this.#joinLive(follower)) {
        const room = Math.min(follower.subscription.room, PAGE);
        follower.isFull = room <= 0;
        if (follower.isFull) return;
        await this.#readRange(client, follower, room);
      }
    } catch (error) {
      if (!follower.isOver) failWith(follower.subscription, error);
      this.#drop(follower);
    }
  }

  /** Finds out where a follower begins. */
  async #begin(client: Redis, follower: Follower<T>, after: string | undefined): Promise<void> {
    if (after === undefined) {
      follower.at = await lastOf(client, this.#plan.key);
      follower.isAtEnd = true;
    } else {
      follower.at = after === '0' ? START : positionOf(after);
      await this.#readRange(client, follower, Math.min(follower.subscription.room, PAGE));
    }
    follower.subscription.start(after ?? follower.at.id);
  }

  /** Reads what comes after `at`. */
  async #readRange(client: Redis, follower: Follower<T>, room: number): Promise<void> {
    const { at } = follower;
    const isStart = at === START;
    const entries = (await client.xrange(
      this.#plan.key,
      isStart ? '-' : at.id,
      '+',
      'COUNT',
      room + (isStart ? 0 : 1),
    )) as Entry[];
    if (follower.isOver) return;
    if (!isStart && entries.shift()?.[0] !== at.id) throw this.#missed(at);
    for (const [index, entry] of entries.entries()) {
      const position = positionOf(entry[0]);
      if (position.n !== follower.at.n + 1 && (!isStart || index > 0)) throw this.#missed(follower.at);
      follower.at = position;
      const result = decoded(this.#plan, textOf(entry));
      if (result !== undefined) follower.subscription.offer(position.id, result.item);
    }
    follower.isAtEnd = entries.length < room;
  }

  /** Makes a follower LIVE, if that leaves no gap. */
  #joinLive(follower: Follower<T>): boolean {
    if (!follower.isAtEnd) return false;
    follower.isAtEnd = false;
    if (this.#at !== undefined && follower.at.n < this.#at.n) return false;
    this.#live.add(follower);
    if (this.#at === undefined) {
      this.#at = follower.at;
      void this.#read(follower.at);
    }
    return true;
  }

  #drop(follower: Follower<T>): void {
    follower.isOver = true;
    this.#live.delete(follower);
    this.#followers.delete(follower.subscription);
  }

  // ---- live ----------------------------------------------------------------------------------------------------

  /** Reads the stream from `at` on while somebody is LIVE. Never rejects. */
  async #read(at: Position): Promise<void> {
    try {
      const client = await this.#reader.use();
      while (this.#live.size > 0) {
        const answer = await client.xread('COUNT', PAGE, 'BLOCK', BLOCK, 'STREAMS', this.#plan.key, at.id);
        if (answer === null) await this.#checkEnd(client, at);
        else for (const entry of (answer[0]?.[1] ?? []) as Entry[]) at = this.#pass(entry, at);
        this.#at = at;
      }
    } catch (error) {
      for (const follower of this.#live) {
        failWith(follower.subscription, error);
        this.#drop(follower);
      }
    } finally {
      this.#at = undefined; // in the step in which nobody is LIVE: the next one begins where he is
    }
  }

  /** Passes an entry to all that are LIVE. Returns its position. */
  #pass(entry: Entry, at: Position): Position {
    const position = positionOf(entry[0]);
    if (position.n !== at.n + 1 && at !== START) throw this.#missed(at);
    const result = decoded(this.#plan, textOf(entry));
    for (const follower of this.#live) {
      if (position.n <= follower.at.n) continue;
      if (result === undefined || this.#offer(follower, position.id, result.item)) follower.at = position;
    }
    return position;
  }

  /** Returns false if the follower has not received the item. */
  #offer(follower: Follower<T>, id: string, item: T): boolean {
    const { subscription } = follower;
    if (subscription.offer(id, item)) return true;
    if (this.#plan.slow === 'dropOldest') {
      subscription.replace(id, item);
      return true;
    }
    this.#live.delete(follower);
    if (this.#plan.slow === 'wait') follower.isFull = true;
    else {
      subscription.tooSlow();
      this.#drop(follower);
    }
    return false;
  }

  /** Without an item for long: is the stream still the one that was read? */
  async #checkEnd(client: Redis, at: Position): Promise<void> {
    const last = await lastOf(client, this.#plan.key);
    // An item that has come meanwhile is for the next XREAD.
    if (last.id !== at.id && last.n <= at.n) throw this.#missed(at);
  }

  #missed(at: Position): MissedItemsError {
    return new MissedItemsError(
      `Cannot go on in ${this.#plan.owner.label}: Redis does not have all items after ${at.id} any more; ` +
        "they were trimmed (see replay.max) or lost; read the state from where it is kept, and subscribe from now or from '0'",
      at.id,
    );
  }
}

async function lastOf(client: Redis, key: string): Promise<Position> {
  const [last] = (await client.xrevrange(key, '+', '-', 'COUNT', 1)) as Entry[];
  return last === undefined ? START : positionOf(last[0]);
}

function positionOf(id: string): Position {
  return { id, n: Number(id.slice(id.indexOf('-') + 1)) };
}

function textOf([, fields]: Entry): string {
  return fields[1] ?? ''; // one field
}
