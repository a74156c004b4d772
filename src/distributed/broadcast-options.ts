// The options of a RedisBroadcast, and their checks.
import { anything, callback, type Checks, integer, objectOf, oneOf, positiveMs, wrongValue } from '../base/index.ts';
import type { ResourceOptions, WaitOptions } from '../core/index.ts';
import type { SlowPolicy } from '../queues/index.ts';
import { redisAddress, type RedisOption } from './connect.ts';

/** How many items Redis keeps for subscribers that come back. */
export interface ReplayOptions {
  /** At least this many of the latest items, an integer >= 1. Defaults to 10,000. */
  readonly max?: number | undefined;
}

/** Options of a RedisBroadcast. */
export interface RedisBroadcastOptions<T> extends ResourceOptions {
  /** Where Redis is. Defaults to `redis://localhost:6379`. */
  readonly redis?: RedisOption | undefined;
  /**
   * Whether Redis keeps items, so that subscribers receive what they missed. Defaults to false:
   * an item reaches only those that are connected. All processes must pass the same.
   */
  readonly replay?: boolean | ReplayOptions | undefined;
  /** How many items each subscription holds, an integer >= 1. Defaults to 256 with `replay`, 1,024 without. */
  readonly capacity?: number | undefined;
  /**
   * What happens to a subscription whose items are not taken. `wait`, the default with `replay`: the
   * items stay in Redis. `disconnect`, the default without: it ends with an error. `dropOldest`: it
   * loses its oldest item. No publisher ever waits for a subscriber.
   */
  readonly slow?: SlowPolicy | undefined;
  /** The longest item, in bytes as encoded, an integer >= 1. Defaults to 262,144 (256 KiB). */
  readonly maxBytes?: number | undefined;
  /** How many publishes may wait, an integer >= 1. More reject with QueueFull. Defaults to 65,536. */
  readonly maxWaiting?: number | undefined;
  /** How long a publish may take, in milliseconds. Defaults to 30,000; Infinity for no limit. */
  readonly publishTimeout?: number | undefined;
  /** Makes text from an item. Defaults to `JSON.stringify`. */
  readonly encode?: ((item: T) => string) | undefined;
  /** Makes an item from text. What it throws is reported, and the item left out. Defaults to `JSON.parse`. */
  readonly decode?: ((text: string) => T) | undefined;
  /** The first part of every key and channel in Redis. Defaults to `maitre`. */
  readonly prefix?: string | undefined;
}

const replayOptions = objectOf({ max: integer(1) });

/** The checks for every option of a RedisBroadcast. */
export const REDIS_BROADCAST: Checks<RedisBroadcastOptions<never>> = {
  redis: redisAddress,
  replay: (action, name, value) => {
    if (typeof value !== 'boolean') replayOptions(action, name, value);
  },
  capacity: integer(1),
  slow: oneOf('wait, dropOldest or disconnect'),
  maxBytes: integer(1),
  maxWaiting: integer(1),
  publishTimeout: positiveMs,
  encode: callback,
  decode: callback,
  prefix: keyPart,
  name: anything,
};

/** Options of `RedisBroadcast.subscribe`. */
export interface SubscribeOptions {
  /**
   * The id of the last item that was received: the subscription begins after it. `'0'` begins with
   * the oldest item that Redis keeps. Defaults to now. Needs `replay`.
   */
  readonly after?: string | undefined;
}

/** Options of `RedisBroadcast.publish`. */
export interface PublishOptions extends WaitOptions {
  /**
   * Publishes the item at most once, however often this is called, from any process: an item is
   * left out, and the call resolves, unless its number is above that of the last item of the same
   * sender. Redis remembers a sender for a day. Needs `replay`.
   */
  readonly once?: { readonly sender: string; readonly number: number } | undefined;
}

/** Checks a name that becomes a part of a key in Redis. */
export function keyPart(action: string, name: string, value: unknown): void {
  // Braces choose the shard of a cluster.
  if (typeof value === 'string' && value !== '' && !/[{}]/.test(value)) return;
  throw wrongValue(action, name, 'text without { and }, not empty', value, 'string');
}
