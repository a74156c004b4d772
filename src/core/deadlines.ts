// Every deadline of the process behind one host timer.
//
// - Deadlines sit in one heap. The host timer is armed for the earliest one, and only re-armed when an earlier comes. One that
//   finds nothing due is armed again for what there is.
// - Without a deadline the timer stays armed and keeps nothing alive (IDLE), where the host can do that: a program that waits for
//   one short thing after another, each with a time limit, would else arm and disarm a timer for each.
// - runDue() takes out everything that is due and fires it in one pass, in order of time. Firing only *decides* (answers
//   or cancels waits); what follows from it runs in later microtasks. So nested timeouts of one deadline all fire.
// - A deadline that throws when it fires is reported and does not stop the others.
// - Nothing fires early: a host timer that comes too soon (Node rounds to its cached loop time) is armed again.
// - The clock can be replaced (FakeClock): then no host timer is armed, and whoever replaced it fires what is due.
import { type Deadline, DeadlineHeap, disposable } from '../base/index.ts';
import { type FakeTime, loopTime, setFakeTime, timeIsFake } from './clock.ts';
import { reportException } from './exception-handler.ts';
import { host } from './host.ts';
import { forgetTurnTime } from './turn.ts';

const LONGEST_TIMER = 2 ** 31 - 1; // what setTimeout takes; a later deadline is armed again when this one fires

const realDeadlines = new DeadlineHeap();
/** Where deadlines go: the host clock's, or those of the clock in its place. */
let deadlines = realDeadlines;
let timer: unknown;
let armedFor = Infinity;
/** The timer is IDLE. */
let idle = false;

export function addDeadline(entry: Deadline): void {
  deadlines.add(entry);
  if (entry.slot === 0) arm(); // it became the earliest
}

/** Takes a deadline back; nothing happens when it fired already. */
export function deleteDeadline(entry: Deadline): void {
  // It may be of the clock before: a sleep that is cancelled while, or after, the clock is replaced.
  if (!deadlines.delete(entry) && timeIsFake()) realDeadlines.delete(entry);
  if (deadlines.size === 0 && timer !== undefined) setIdle(true);
}

/** The earliest deadline; undefined when nothing waits for time. */
export function nextDeadline(): number | undefined {
  return deadlines.first()?.when;
}

/** Fires everything due by `loopTime()`, once, in order. */
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

/** Replaces the clock until disposed. Deadlines of the host's clock stand still meanwhile and go on afterwards. */
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
