// A pool of numbered items that says what is done to them.
import { type CreateContext, Pool, type PoolOptions } from 'maitre/pool';
import { host } from '#src/core/index.js';
import { disposable } from 'maitre/lowlevel';
import { seededRandom } from 'maitre/testing';

export interface Item {
  readonly number: number;
}

/** The options of a pool. What `create` returns is awaited and not used. */
type Options = Omit<Partial<PoolOptions<Item>>, 'create'> & { readonly create?: (context: CreateContext) => unknown };

/** A pool, and what was done to its items, in order: `create 1`, `check 1`, `reset 1`, `destroy 1`. */
export function numbered(options: Options = {}) {
  const log: string[] = [];
  let last = 0;
  const noting =
    (what: 'check' | 'destroy' | 'reset') =>
    (item: Item): unknown => {
      log.push(`${what} ${item.number}`);
      return options[what]?.(item);
    };
  const { check, reset } = options;
  const pool = new Pool<Item>({
    ...options,
    create: async (context) => {
      const number = ++last;
      log.push(`create ${number}`);
      await options.create?.(context);
      return { number };
    },
    destroy: noting('destroy'),
    ...(check !== undefined && { check: noting('check') }),
    ...(reset !== undefined && { reset: noting('reset') }),
  });
  return { pool, log };
}

/** Makes core's random numbers those of a seed. */
export function withSeed(seed: number): Disposable {
  const before = Object.getOwnPropertyDescriptor(host, 'random') ?? {};
  Object.defineProperty(host, 'random', { ...before, value: seededRandom(seed) });
  return disposable(() => Object.defineProperty(host, 'random', before));
}
