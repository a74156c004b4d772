// Every deadline of the process, behind one host timer.
//
// - Deadlines are in one heap. The host timer is armed for the earliest one, and armed again only
//   when an earlier one comes. If it fires and finds nothing due, it is armed again for what is
//   there.
// - Without a deadline the timer stays armed and keeps nothing alive (IDLE), where the host
//   supports that. Otherwise a program that waits for one short thing after another, each with a
//   time limit, would arm and disarm a timer for each.
// - `runDue()` removes everything that is due and fires it in one pass, in order of time. Firing
//   only *decides*: it answers or cancels waits. The consequences run in later microtasks. So
//   nested timeouts with the same deadline all fire.
// - A deadline that throws when it fires is reported and does not stop the others.
// - Nothing fires early: a host timer that comes too soon (Node rounds to its cached loop time) is
//   armed again.
// - The clock can be replaced (FakeClock). Then no host timer is armed, and the replacement calls
//   `runDue()`.
//
// States of the timer: none (`timer` is undefined) -> ARMED for `armedFor` <-> IDLE -> fired, which
// is none again.
import { type Deadline, DeadlineHeap, disposable } from '../base/index.ts';
import { type FakeTime, loopTime, setFakeTime, timeIsFake } from './clock.ts';
import { reportException } from './exception-handler.ts';
import { host } from './host.ts';
import { forgetTurnTime } from './turn.ts';

const LONGEST_TIMER = 2 ** 31 - 1; // the longest that setTimeout takes; when it fires, a later deadline is armed again

const realDeadlines = new DeadlineHeap();
/** The heap in use: that of the host's clock, or that of the clock in its place. */
let deadlines = realDeadlines;
/** The host timer; undefined for none. */
let timer: unknown;
/** When the timer fires, on the loop's clock; Infinity for none. */
let armedFor = Infinity;
/** True while the timer is IDLE. */
let idle = false;

/**
 * Adds a deadline: `entry.due()` is called when the loop's clock reaches `entry.when`. Undone by
 * `deleteDeadline`. Do not change `when` meanwhile. asyncio: `loop.call_at`, without an object of
 * its own.
 *
 * @example
 * ```ts
 * import { addDeadline, type Deadline, deleteDeadline, loopTime } from 'maitre/lowlevel';
 * const bell: Deadline = {
 *   when: loopTime() + 10,
 *   slot: -1,
 *   order: 0,
 *   due: () => console.log('the bell rings'),
 * };
 * addDeadline(bell);
 * deleteDeadline(bell); // it does not ring
 * ```
 */
export function addDeadline(entry: Deadline): void {
  deadlines.add(entry);
  if (entry.slot === 0) arm(); // it became the earliest
}

/** Takes a deadline back. Does nothing if it fired already or was never added. */
export function deleteDeadline(entry: Deadline): void {
  // It may be in the heap of the previous clock: a sleep that is cancelled while, or after, the
  // clock is replaced.
  if (!deadlines.delete(entry) && timeIsFake()) realDeadlines.delete(entry);
  if (deadlines.size === 0 && timer !== undefined) setIdle(true);
}

/** Returns the time of the earliest deadline; undefined when nothing waits for time. */
export function nextDeadline(): number | undefined {
  return deadlines.first()?.when;
}

/** Fires everything that is due by `loopTime()`, once, in order of time. */
export function runDue(): void {
  const now = loopTime();
  for (;;) {
    const first = deadlines.first();
    if (first === undefined || first.when > now) break;
    deadlines.delete(first);
    try {
      first.due();
    } catch (error) {
      reportException({ message: 'A deadline failed', error });
    }
  }
}

/**
 * Replaces the clock until the result is disposed. Deadlines of the host's clock do not fire
 * meanwhile, and count again afterwards.
 */
export function replaceTime(time: FakeTime): Disposable {
  if (timeIsFake()) throw new Error('Cannot replace the clock: it is replaced already');
  disarm();
  deadlines = new DeadlineHeap();
  setFakeTime(time);
  forgetTurnTime();
  return disposable(() => {
    setFakeTime(undefined);
    forgetTurnTime();
    deadlines = realDeadlines;
    arm();
  });
}

function arm(): void {
  const first = deadlines.first();
  if (timeIsFake() || first === undefined) return;
  if (first.when >= armedFor) return setIdle(false);
  disarm();
  armedFor = first.when;
  const ms = Math.ceil(first.when - host.now());
  timer = host.setTimer(ms < 1 ? 1 : ms > LONGEST_TIMER ? LONGEST_TIMER : ms, onTimer);
}

function setIdle(on: boolean): void {
  if (host.holdTimer !== undefined && on !== idle) host.holdTimer(timer, !on);
  if (on && host.holdTimer === undefined) disarm();
  else idle = on;
}

function disarm(): void {
  if (timer !== undefined) host.clearTimer(timer);
  forget();
}

function forget(): void {
  timer = undefined;
  armedFor = Infinity;
  idle = false;
}

function onTimer(): void {
  forget();
  if (timeIsFake()) return;
  runDue();
  arm();
}
