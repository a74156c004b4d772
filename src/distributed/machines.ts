// The machines of a queue: each worker tells Redis every BEAT milliseconds what it runs, and one that
// has not told anything for GONE milliseconds counts as gone.
import type { Redis } from 'ioredis';
import { loopTime } from '../core/index.ts';
import { readMachine } from './read-remote.ts';
import type { Machine, RedisNames } from './remote-protocol.ts';

/** Milliseconds between two signs of life. */
export const BEAT = 2000;
/** Milliseconds after which a machine without one counts as gone. */
const GONE = 5 * BEAT;

/** What a machine is called where it is shown: `host:pid`. BullMQ keeps it with each job that it runs. */
export function machineName({ host, pid }: Pick<Machine, 'host' | 'pid'>): string {
  return `${host}:${pid}`;
}

/** Tells the others of a machine. `now` is the time by the clock of Redis. */
export async function announce(client: Redis, names: RedisNames, machine: Machine, now: number): Promise<void> {
  await client
    .multi()
    .zadd(names.machines, now, machine.id)
    .hset(names.machineStates, machine.id, JSON.stringify(machine))
    .exec();
}

/** Takes a machine off the list. */
export async function withdraw(client: Redis, names: RedisNames, id: string): Promise<void> {
  await client.multi().zrem(names.machines, id).hdel(names.machineStates, id).exec();
}

/** Returns the machines that live, the oldest first. Forgets those that do not. */
export async function listMachines(client: Redis, names: RedisNames, now: number): Promise<readonly Machine[]> {
  const gone = await client.zrangebyscore(names.machines, '-inf', now - GONE);
  if (gone.length > 0)
    await client
      .multi()
      .zremrangebyscore(names.machines, '-inf', now - GONE)
      .hdel(names.machineStates, ...gone)
      .exec();
  const states = Object.values(await client.hgetall(names.machineStates));
  const machines = states.map(readMachine).filter((machine) => machine !== undefined);
  return machines.toSorted((a, b) => a.since - b.since);
}

/** The machines as they were lately, for figures that must not wait. */
export class RecentMachines {
  readonly #load: () => Promise<readonly Machine[]>;
  #machines: readonly Machine[] = [];
  #askedAt = -Infinity;

  /** @param load asks Redis. Not cancellable: `get` is called within the tasks of others. */
  constructor(load: () => Promise<readonly Machine[]>) {
    this.#load = load;
  }

  /** Returns what is known, and asks again if that is older than `ms` milliseconds. */
  get(ms: number = BEAT): readonly Machine[] {
    if (loopTime() - this.#askedAt > ms) {
      this.#askedAt = loopTime();
      void this.#refresh();
    }
    return this.#machines;
  }

  async #refresh(): Promise<void> {
    try {
      this.#machines = await this.#load();
    } catch {
      // Redis is away. They stay as they were.
    }
  }
}
