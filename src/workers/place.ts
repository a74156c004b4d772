// A place of the crew: one of the N workers that should serve, and those that come before and after
// it at the same place.
//
// - `current` serves. `next` is being started; when it is ready, it becomes `current`, and the one
//   before it drains. `leaving` are those that drain or die.
// - A place that should have a worker and has neither `current` nor `next` is either waiting for its
//   next try (`#retry`), or `isDown`. #tend() holds this, and is called after every change.
// - Each try after a loss is granted by Restarts. When those are used up, the place is down until
//   renew() is called: by a reload, or by scale().
// - A place that never had a ready worker makes no tries of its own. Whoever made it decides.
//
// Example: `current` crashes while a reload starts `next`. Nothing else is started: `next` becomes
// `current` when it is ready. If it fails, the place has nobody, and #tend() makes the next try.
import { callLater, type Handle } from '../core/index.ts';
import type { Member, MemberEnd, StartOutcome } from './member.ts';
import { type RestartOptions, Restarts } from './restarts.ts';

/** What a place needs of its crew. */
export interface PlaceCrew {
  /** Makes a worker. */
  hire(place: Place, reason: string): Member;
  /** It stands at its place. */
  started(member: Member): void;
  /** The place of `last` is down. */
  onDown(last: Member): void;
  /** The crew ends: nobody is replaced. */
  readonly isEnding: boolean;
  readonly restarts: RestartOptions;
}

export class Place {
  readonly number: number;
  readonly #crew: PlaceCrew;
  readonly #restarts: Restarts;
  /** Serves; undefined while nobody does. */
  current: Member | undefined = undefined;
  /** Is being started; undefined if none is. */
  next: Member | undefined = undefined;
  /** Those that drain, or were killed and are not gone. */
  readonly leaving: Set<Member> = new Set();
  /** It stays empty until renew(). */
  isDown = false;
  /** When the next try comes. */
  #retry: Handle | undefined = undefined;
  /** It had a ready worker. */
  #isProven = false;
  #isWanted = true;

  constructor(number: number, crew: PlaceCrew) {
    this.number = number;
    this.#crew = crew;
    this.#restarts = new Restarts(crew.restarts);
  }

  /** All its workers. */
  get members(): Member[] {
    return [this.current, this.next, ...this.leaving].filter((member) => member !== undefined);
  }

  /**
   * Starts a new worker, in place of one that is being started. When it is ready, it replaces the
   * current one. If it fails, that goes on.
   * @param forgives whether earlier crashes count no more: something may have changed, such as the code
   */
  async renew(reason: string, forgives: boolean): Promise<StartOutcome> {
    if (!this.#isWanted || this.#crew.isEnding) return { kind: 'stopped' };
    if (forgives) this.#restarts.reset();
    return this.#start(reason).started;
  }

  /** Takes back a renew() that is not done. */
  stopNext(): void {
    this.next?.stop();
  }

  /** Nobody is started here any more; one that is being started is ended. */
  close(): void {
    this.#isWanted = false;
    this.#retry?.cancel();
    this.#retry = undefined;
    this.isDown = false;
    this.next?.stop();
  }

  // ---- what happens to its members -----------------------------------------------------------------------------

  /** `next` is ready. Returns the worker that it replaces, which is to drain. */
  promote(member: Member): Member | undefined {
    if (member !== this.next) return undefined; // a newer one was started in the same step
    const before = this.current;
    if (before !== undefined) this.leaving.add(before);
    this.current = member;
    this.next = undefined;
    this.isDown = false;
    this.#isProven = true;
    return before;
  }

  /** A member is being killed because it failed or hung. */
  lost(member: Member): void {
    if (!this.#takeAway(member)) return;
    this.leaving.add(member);
    this.#tend(member);
  }

  /** A member is gone. */
  gone(member: Member, { outcome }: MemberEnd): void {
    const stood = this.#takeAway(member);
    this.leaving.delete(member);
    if (stood && outcome !== 'drained') this.#tend(member);
  }

  /** Returns false if it did not stand here any more. */
  #takeAway(member: Member): boolean {
    if (member === this.next) this.next = undefined;
    else if (member === this.current) this.current = undefined;
    else return false;
    return true;
  }

  #start(reason: string): Member {
    this.#retry?.cancel();
    this.#retry = undefined;
    const before = this.next;
    const member = this.#crew.hire(this, reason);
    this.next = member;
    if (before !== undefined) {
      this.leaving.add(before);
      before.stop('a newer one was started in its place');
    }
    this.#crew.started(member);
    return member;
  }

  /** Sees to it that there is a worker, or will be. `last` is the one that was lost. */
  #tend(last: Member): void {
    const isManned = this.current !== undefined || this.next !== undefined || this.#retry !== undefined;
    if (isManned || this.isDown || !this.#isProven || !this.#isWanted || this.#crew.isEnding) return;
    const pause = this.#restarts.next();
    if (pause === undefined) {
      this.isDown = true;
      this.#crew.onDown(last);
      return;
    }
    this.#retry = callLater(pause, () => void this.#start('the one before it was lost'));
  }
}
