// What both feeds of a RedisBroadcast share: where subscriptions get their items from.
import type { Resource } from '../core/index.ts';
import { reportException } from '../core/index.ts';
import type { SlowPolicy } from '../queues/index.ts';
import type { RedisOption } from './connect.ts';
import type { RedisSubscription } from './redis-subscription.ts';

/** What a feed needs to know. */
export interface FeedPlan<T> {
  /** The broadcast. */
  readonly owner: Resource;
  readonly redis: RedisOption;
  /** The channel, or the key of the stream. */
  readonly key: string;
  readonly slow: SlowPolicy;
  readonly decode: (text: string) => T;
}

/** What a feed counts. */
export interface FeedStatistics {
  /** With `replay`: the subscriptions that catch up. */
  readonly behind: number;
  /** Without `replay`: the items that this process missed, as far as their numbers tell. */
  readonly missed: number;
  /** Without `replay`: how often the connection that receives was lost. */
  readonly interruptions: number;
}

/** The source of items of all subscriptions of a process to one broadcast. */
export interface Feed<T> {
  /** Lets a subscription start, after an item or now. */
  join(subscription: RedisSubscription<T>, after: string | undefined): void;
  /** The subscription has left. */
  leave(subscription: RedisSubscription<T>): void;
  /** An item was taken from the subscription's buffer. */
  taken(subscription: RedisSubscription<T>): void;
  /** Resolves when every subscription that has joined before will receive what is published next. */
  settled(): Promise<void> | undefined;
  /** Its part of the figures of the broadcast. */
  statistics(): FeedStatistics;
  /** Ends all subscriptions. Resolves when the socket is closed. */
  close(): Promise<void>;
}

/** Decodes a text. Reports what fails, and returns undefined: one bad item is not to end all. */
export function decoded<T>(
  { owner, decode }: Pick<FeedPlan<T>, 'owner' | 'decode'>,
  text: string,
): { readonly item: T } | undefined {
  try {
    return { item: decode(text) };
  } catch (error) {
    reportException({ message: `Cannot decode an item of ${owner.label}: it was left out`, error });
    return undefined;
  }
}

/** Ends a subscription with an error, whatever was thrown. */
export function failWith(subscription: { fail(error: Error): void }, error: unknown): void {
  subscription.fail(error instanceof Error ? error : new Error(String(error)));
}
