// Member: one item of a pool, with its times. Its state is the set in which it stands; pool.ts has
// the states.
import type { Linked } from '../base/index.ts';
import type { TaskRecord } from '../core/index.ts';

/** How an item comes back: used, used and in no need of a reset, broken, or never used. */
export type Return = 'release' | 'clean' | 'discard' | 'unused';

/** The lease of a member, as the pool sees it. `Lease` has more. */
export interface MemberLease {
  /** The task that acquired it; undefined if that was outside of tasks. */
  readonly holder: TaskRecord | undefined;
  /** When it was granted, in milliseconds on the loop's clock. */
  readonly since: number;
  /** Ends it. Does nothing if it is over. */
  end(how: Return): void;
}

/** What the times of a member follow from. */
export interface MemberTimes {
  /** Milliseconds of idleness before a check; Infinity without a check. */
  readonly checkAfter: number;
  /** Milliseconds. */
  readonly idleTimeout: number;
  /** Milliseconds. */
  readonly lifetime: number;
  /** 0 to 1. */
  readonly jitter: number;
}

export class Member<T> implements Linked {
  // Only LinkedSet writes these.
  previous: Linked | undefined = undefined;
  next: Linked | undefined = undefined;
  list: object | undefined = undefined;
  readonly item: T;
  /** When its lifetime is over. All times are milliseconds on the loop's clock. */
  readonly expiresAt: number;
  /** Until when it can be leased without a check. Never after `expiresAt`. */
  freshUntil = 0;
  /** Until when it may be idle. Written when it becomes idle. */
  idleUntil = 0;
  /** True once it is known to be broken: it is destroyed when it is not in use. */
  isDoomed = false;
  /** Undefined while nobody has it. */
  lease: MemberLease | undefined = undefined;
  readonly #checkAfter: number;
  /** Milliseconds that it may be idle: `idleTimeout`, less its jitter. */
  readonly #idleFor: number;

  constructor(item: T, times: MemberTimes, now: number, random: () => number) {
    this.item = item;
    this.#checkAfter = times.checkAfter;
    this.#idleFor = shorten(times.idleTimeout, times.jitter, random);
    this.expiresAt = now + shorten(times.lifetime, times.jitter, random);
  }

  /** It is known to work now. */
  isAlive(now: number): void {
    const until = now + this.#checkAfter;
    this.freshUntil = until < this.expiresAt ? until : this.expiresAt;
  }

  /** It was in use until now. */
  wasUsed(now: number): void {
    this.isAlive(now);
    this.idleUntil = now + this.#idleFor;
  }

  /** When it has to leave if nobody uses it. */
  get leavesAt(): number {
    return this.idleUntil < this.expiresAt ? this.idleUntil : this.expiresAt;
  }
}

function shorten(ms: number, jitter: number, random: () => number): number {
  return ms === Infinity ? ms : ms * (1 - jitter * random());
}
