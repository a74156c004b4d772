// The permits of Redis as a model in memory, on the loop's clock: for leases without a Redis, where every step can be
// explored.
import { loopTime } from 'maitre';
import type { LeasePort, Taken } from '#src/distributed/lease-port.js';

export class PermitModel {
  readonly lease: number;
  /** The ends of leases, by owner. */
  readonly owners = new Map<string, number>();
  /** Every token that was granted. */
  readonly tokens: number[] = [];
  /** Called before each command: it may wait, or throw. */
  network: () => Promise<void> = async () => {};
  /** False: nobody hears of what is given back. */
  isHeard = true;
  readonly #watchers = new Set<() => void>();
  #last = 0;

  constructor(lease: number) {
    this.lease = lease;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /** As redisPermits, for one process. */
  port(): LeasePort {
    return {
      take: async (owner, total): Promise<Taken> => {
        await this.network();
        this.#expire();
        if (!this.owners.has(owner) && this.owners.size >= total) {
          const first = Math.min(...this.owners.values());
          return { token: 0, freeIn: first === Infinity ? this.lease : first - loopTime() };
        }
        this.owners.set(owner, loopTime() + this.lease);
        this.tokens.push(++this.#last);
        return { token: this.#last, freeIn: 0 };
      },
      renew: async (owner) => {
        await this.network();
        this.#expire();
        if (!this.owners.has(owner)) return false;
        this.owners.set(owner, loopTime() + this.lease);
        return true;
      },
      giveBack: async (owner) => {
        await this.network();
        if (!this.owners.delete(owner) || !this.isHeard) return;
        for (const fn of this.#watchers) fn();
      },
      watch: (fn) => {
        this.#watchers.add(fn);
        return { [Symbol.dispose]: () => void this.#watchers.delete(fn) };
      },
    };
  }

  #expire(): void {
    for (const [owner, end] of this.owners) if (end <= loopTime()) this.owners.delete(owner);
  }
}
