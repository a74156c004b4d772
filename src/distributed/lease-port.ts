// The permits of a lock or limiter in Redis. A sorted set holds the owners of permits, by the time at
// which their leases end, on Redis' clock. An owner is one acquisition, so a command that is sent
// again after a lost connection changes nothing.
import type { SharedRedis } from './shared-redis.ts';
import { Script } from './link.ts';

/** Where permits come from: Redis, or a model of it in tests. */
export interface LeasePort {
  /** Takes a permit if one is free. */
  take(owner: string, total: number): Promise<Taken>;
  /** Makes the lease begin anew. Returns false if it has ended. */
  renew(owner: string): Promise<boolean>;
  giveBack(owner: string): Promise<void>;
  /** Calls `fn` when a permit may have come free, as far as that is heard of. */
  watch(fn: () => void): Disposable;
}

/** What `take` found. */
export interface Taken {
  /** The fencing token; 0 if no permit is free. */
  readonly token: number;
  /** Milliseconds until the first lease ends, if no permit is free. */
  readonly freeIn: number;
}

/** Milliseconds for which the last token is remembered. It is in microseconds of Redis' clock. */
const REMEMBER = 24 * 60 * 60 * 1000;

const NOW = `
local time = redis.call('TIME')
local micros = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(micros / 1000)
local function text(number) return string.format('%.0f', number) end
local function grant(lease)
  redis.call('ZADD', KEYS[1], text(now + lease), ARGV[1])
  local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
  redis.call('PEXPIREAT', KEYS[1], text(tonumber(last[2]) + 1))
end
`;

const take = new Script(
  'acquire',
  `${NOW}
local total, lease = tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now))
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= total then
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return { '0', text((tonumber(first[2]) or now + lease) - now) }
end
grant(lease)
local token = math.max(tonumber(redis.call('GET', KEYS[2]) or 0) + 1, micros)
redis.call('SET', KEYS[2], text(token), 'PX', ARGV[4])
return { text(token), '0' }
`,
);

const renew = new Script(
  'renew lease',
  `${NOW}
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not ends or tonumber(ends) <= now then return 0 end
grant(tonumber(ARGV[2]))
return 1
`,
);

const giveBack = new Script(
  'release',
  `
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 then redis.call('PUBLISH', KEYS[1], '') end
return 0
`,
);

/** The permits under a key. */
export function redisPermits(redis: SharedRedis, key: string, lease: number): LeasePort {
  return {
    async take(owner, total) {
      const client = await redis.commands.use();
      const args = [owner, total === Infinity ? Number.MAX_SAFE_INTEGER : total, lease, REMEMBER];
      const [token, freeIn] = (await take.run(client, [key, `${key}:token`], args)) as string[];
      return { token: Number(token), freeIn: Number(freeIn) };
    },
    async renew(owner) {
      return (await renew.run(await redis.commands.use(), [key], [owner, lease])) === 1;
    },
    async giveBack(owner) {
      await giveBack.run(await redis.commands.use(), [key], [owner]);
    },
    watch: (fn) => redis.watch(key, fn),
  };
}
