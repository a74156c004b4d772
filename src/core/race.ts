// race: the first of several to settle, and nothing lost. Promise.race abandons its losers: a
// `queue.get()` that lost still takes an item, and a `readLine()` that lost still takes a line.
// Here every member runs in a scope of its own (scope.ts). Losers are cancelled, which hands back
// what was on its way to them.
//
// States of a contest: STARTING (members begin, in order) -> RUNNING -> ENDING (one member has
// settled, and the others are cancelled) -> OVER (all members have ended).
//
// How nothing is lost, though several members can be answered in one step:
// - Inside a member, no call returns at once (`mayAnswer` is false). Each call makes a wait, which
//   is answered. So everything that a member receives passes through a delivery.
// - Of the waits of all members, at most one is delivered per turn (the gate). Its consequences,
//   the end of the member and the cancel of the others, happen before another is delivered. The
//   other waits are put aside for the next turn.
// - Of waits that are answered together, that of the member listed first is delivered first.
// - A cancel before delivery overrules an answer, and the primitive hands the answer on (wait.ts).
// - While the member that received a delivery in this turn still runs, the end of another member is
//   held. It counts after the end of that member, or in the next turn. Otherwise a foreign promise
//   that settles at the same time, or a cancel from around the race, would make a loser of a member
//   that has something in hand.
//
// So a loser that waits once has received nothing. A loser that waits several times may have
// received something before it lost, and must handle that itself.
//
// Example: `race([() => a.get(), () => b.get()])`, and one step puts an item into both queues. Both
// waits are ANSWERED. The gate lets the wait of `a` pass and puts the wait of `b` aside. The first
// member ends with a's item and wins. The second member is cancelled: its wait is OVERRULED and
// delivered in this turn, and its item stays in `b`.
//
// A contest inside a member of another: a wait is delivered only if every contest around it lets it
// pass.
import { wrongValue } from '../base/index.ts';
import { Awaitable } from './awaitable.ts';
import { passCancel } from './cancel-pass.ts';
import { quiet, signalOf, type WaitOptions } from './current-waiter.ts';
import { type Delivery, deliverSoon, setGate } from './delivery.ts';
import { CancelledError } from './errors.ts';
import { reportException } from './exception-handler.ts';
import {
  closeScope,
  countContests,
  areContests,
  InnerScope,
  keepAround,
  runInScope,
  type Scope,
  waitsIn,
} from './scope.ts';
import { cancellable } from './sleep.ts';
import { inTask } from './task.ts';
import { makeCancelledError } from './tracing.ts';
import { addSoon } from './turn.ts';
import { Wait } from './wait.ts';
import { checkWork, leaveWork, type Work, type WorkResult } from './work.ts';

/**
 * Waits for the first of the items to settle, and returns its value or rejects with its error. The
 * others are cancelled and waited for. The call can be cancelled, which cancels all members.
 *
 * Members begin in order. A member that waits once and loses hands back the item, the bytes or the
 * permit that were on their way to it. Of members that are answered together, the one listed first
 * wins. What a loser returns in spite of its cancel is dropped. An error in the cleanup of a loser
 * goes to the exception handler.
 *
 * Pass functions. A Task or Future that loses is cancelled. A foreign promise that loses goes on,
 * and only the wait for it ends. Where there is no ambient task (browsers), pass on the signal that
 * the function receives.
 * @param items functions, Tasks, Futures or promises, at least one
 * @param options `signal`: an AbortSignal that cancels the call
 * @throws the winner's error; CancelledError after a cancel from outside, once all members have
 *   ended; TypeError or RangeError for wrong items
 *
 * @example
 * ```ts
 * import { Queue, race, sleep } from 'maitre';
 * const orders = new Queue<string>();
 * const order = await race([() => orders.get(), () => sleep(10, 'nobody came')]);
 * console.log(order); // nobody came
 * orders.putNowait('soup'); // it stays for the next get
 * ```
 */
export function race<const W extends readonly RaceItem<unknown>[]>(
  items: W,
  options: WaitOptions = {},
): Promise<WorkResult<W[number]>> {
  try {
    if (!Array.isArray(items)) throw wrongValue('race', '', 'an array', items);
    if (items.length === 0) throw new RangeError('Cannot race: expected at least one item, got none');
    for (const item of items) checkWork(item, 'race'); // before the first one is started
  } catch (error) {
    return Promise.reject(error);
  }
  let begun = false;
  const contest = (outer: Scope): Promise<WorkResult<W[number]>> => {
    begun = true;
    return new Contest<WorkResult<W[number]>>(items as readonly RaceItem<WorkResult<W[number]>>[]).run(outer); // W says so
  };
  const call = inTask('race', contest, options.signal === undefined ? undefined : options);
  if (!begun) for (const item of items) if (typeof item !== 'function') leaveWork(item, call);
  return call;
}

/** What `race` takes: the same as `gather`, but a function receives its member. */
export type RaceItem<T> = ((member: RaceMember) => PromiseLike<T> | T) | Work<T>;

/** A running member of a race, passed to the function that is the member. */
export interface RaceMember {
  /** Aborts when the member has lost, or when something around the race is cancelled. */
  readonly signal: AbortSignal;
}

/** How a member ended. */
type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/** One race in progress: its members, and which of them was first. */
class Contest<T> {
  readonly #items: readonly RaceItem<T>[];
  /** One scope for each item, in order. The scope of a member that has ended is closed. */
  readonly #members: InnerScope[] = [];
  /**
   * True while members begin. A member that ends meanwhile does not cancel the others yet: all of
   * them begin first, in order.
   */
  #starting = true;
  /** Members that have not ended, or whose end is held. */
  #running = 0;
  /** The winner's outcome; undefined until a member has ended. */
  #first: Outcome<T> | undefined = undefined;
  /** The first member ended by a cancel from around the race. */
  #byOutside = false;
  /** The member that received a delivery in this turn. */
  #deliveredTo: InnerScope | undefined = undefined;
  /** Ends that are held until that member has ended, or until the next turn. */
  #held: { readonly member: InnerScope; readonly outcome: Outcome<T> }[] = [];
  /** Settles the call. Set by `run`. */
  #whenOver: () => void = () => undefined;

  constructor(items: readonly RaceItem<T>[]) {
    this.#items = items;
  }

  /**
   * Starts all members inside `outer`. The promise settles with the winner's outcome, once all
   * members have ended.
   */
  run(outer: Scope): Promise<T> {
    // Before the members start: the gate must see their first answers.
    enter();
    this.#running = this.#items.length;
    const call = new Promise<T>((resolve, reject) => {
      this.#whenOver = () => {
        const first = this.#first as Outcome<T>; // set, because all have ended
        if ('value' in first) resolve(first.value);
        else {
          if (first.error instanceof CancelledError) quiet(call);
          reject(first.error);
        }
      };
      for (const item of this.#items) this.#start(item, outer);
      this.#starting = false;
      if (this.#first !== undefined) this.#endOthers();
    });
    return call;
  }

  /**
   * Whether a wait of the member may be delivered now: nothing of this contest was delivered in
   * this turn, and no member listed before has an answer.
   */
  lets(member: InnerScope): boolean {
    if (this.#deliveredTo !== undefined) return false;
    for (const each of this.#members) {
      if (each === member) return true;
      if (each.isOpen && hasAnswer(each)) return false;
    }
    return true;
  }

  /** Notes that a wait of the member is delivered. */
  deliverTo(member: InnerScope): void {
    this.#deliveredTo = member;
  }

  /** Called in the next turn. */
  endTurn(): void {
    this.#deliveredTo = undefined;
    this.#countHeld();
  }

  /** Starts a member in a new scope. */
  #start(item: RaceItem<T>, outer: Scope): void {
    const member = new InnerScope(outer);
    member.contest = this;
    this.#members.push(member);
    const body = (): PromiseLike<T> | T => {
      if (typeof item === 'function')
        return item({
          get signal() {
            return signalOf(member);
          },
        });
      return item instanceof Awaitable ? item : cancellable(item);
    };
    runInScope(
      member,
      body,
      undefined,
      (value) => this.#ended(member, { value }),
      (error) => this.#ended(member, { error }),
    );
  }

  /**
   * A member's function has settled. Its end counts now or, while a member that received a delivery
   * runs, later.
   */
  #ended(member: InnerScope, outcome: Outcome<T>): void {
    // First: waits that the member leaves behind move outwards, and no longer belong to the
    // contest.
    closeScope(member);
    member.contest = undefined;
    const to = this.#deliveredTo;
    if (this.#first === undefined && to?.isOpen === true) {
      this.#held.push({ member, outcome });
      return;
    }
    this.#count(member, outcome);
    this.#countHeld();
  }

  /** Counts the held ends, in the order in which they came. */
  #countHeld(): void {
    const held = this.#held;
    if (held.length === 0) return;
    this.#held = [];
    for (const { member, outcome } of held) this.#count(member, outcome);
  }

  /**
   * Counts an end. The first one decides the race and cancels the others; the last one settles the
   * call.
   */
  #count(member: InnerScope, outcome: Outcome<T>): void {
    this.#running--;
    if (this.#first === undefined) {
      this.#first = outcome;
      this.#byOutside = member.outside > 0 && 'error' in outcome && outcome.error instanceof CancelledError;
      if (!this.#starting) this.#endOthers();
    } else if ('error' in outcome) this.#lost(member, outcome.error);
    if (this.#running > 0) return;
    leave();
    this.#whenOver();
  }

  /**
   * A loser has ended with an error: its cancel, a cancel from around the race, or a fault in its
   * cleanup.
   */
  #lost(member: InnerScope, error: unknown): void {
    if (!(error instanceof CancelledError)) {
      reportException({ message: 'A member of a race failed after another had won', error });
    }
    if (member.outside === 0) return;
    // It has taken a cancel from around the race, which is meant for the caller. The caller
    // receives the winner's value now, and the cancel at its next wait.
    const first = this.#first as Outcome<T>; // one has won
    const outer = member.outer?.standing;
    if (outer === undefined || ('error' in first && first.error instanceof CancelledError)) return;
    keepAround(member, outer);
  }

  #endOthers(): void {
    const error = makeCancelledError('Cancelled: another member of the race was first', { kind: 'race' });
    for (const member of this.#members) {
      // If a cancel from around the race ended the first member, it has reached all. A second
      // cancel would interrupt their cleanup.
      if (member.isOpen && !(this.#byOutside && member.outside > 0)) passCancel(member, error);
    }
    // After the cancels: only overruled waits are handed in.
    handInCancelled();
  }
}

// ---- the gate --------------------------------------------------------------------------------------------------

/**
 * Contests that are not OVER. The gate is installed while there is one, so deliveries outside of
 * races cost nothing more.
 */
let running = 0;
/** Answered waits that the gate did not let pass. They are handed in again in the next turn. */
let aside: Delivery[] = [];
/** Contests of which a wait was delivered in this turn. Inner contests come before outer ones. */
let delivered: Contest<unknown>[] = [];

function enter(): void {
  countContests(1);
  if (running++ === 0) setGate(gate);
}

function leave(): void {
  countContests(-1);
  if (--running === 0) setGate(undefined);
}

/**
 * Decides whether a delivery may be made now. Only answered waits inside a member of a contest are
 * ever put aside: a cancel or an error of a scope must reach its task at once.
 */
function gate(delivery: Delivery): boolean {
  const wait = delivery.record;
  if (!areContests() || !(wait instanceof Wait) || !wait.answered) return true;
  const contests: (readonly [Contest<unknown>, InnerScope])[] = [];
  for (let at: Scope | undefined = wait.scope; at !== undefined; at = at.outer) {
    const contest = (at as InnerScope).contest as Contest<unknown> | undefined; // only this file writes it
    if (contest === undefined) continue;
    if (!contest.lets(at as InnerScope)) {
      putAside(delivery);
      return false;
    }
    contests.push([contest, at as InnerScope]);
  }
  if (contests.length === 0) return true;
  // Before the contests are noted: beforeNextTurn schedules the next turn only while nothing is
  // noted.
  beforeNextTurn();
  for (const [contest, member] of contests) {
    contest.deliverTo(member);
    delivered.push(contest);
  }
  return true;
}

function putAside(delivery: Delivery): void {
  beforeNextTurn();
  aside.push(delivery);
}

/** Schedules nextTurn, if neither `aside` nor `delivered` has scheduled it already. */
function beforeNextTurn(): void {
  if (aside.length === 0 && delivered.length === 0) addSoon(nextTurn);
}

const nextTurn = {
  due(): void {
    const ended = delivered;
    delivered = [];
    // First the held ends: they can cancel members, whose waits are then overruled when they are
    // handed in.
    for (const contest of ended) contest.endTurn();
    const again = aside;
    aside = [];
    for (const delivery of again) deliverSoon(delivery);
  },
};

/**
 * Hands in the waits that are no longer just answered, so that losers hand back what was on its way
 * to them in this turn.
 */
function handInCancelled(): void {
  const all = aside;
  aside = [];
  for (const delivery of all) {
    if ((delivery.record as Wait<unknown>).answered) aside.push(delivery); // only waits are put aside
    else deliverSoon(delivery);
  }
}

/** Whether a wait of the scope, or of one inside it, is answered and not yet delivered. */
function hasAnswer(scope: Scope): boolean {
  for (const wait of waitsIn(scope)) if ((wait as Wait<unknown>).answered) return true; // only waits are linked
  return false;
}
