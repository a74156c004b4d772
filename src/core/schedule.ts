// Time: the loop's clock, the next turn, and every deadline of the process behind one host timer.
//
// - Deadlines sit in one heap. The host timer is armed for the earliest one, and only re-armed when an earlier comes.
// - runDue() takes out everything that is due and fires it in one pass, in order of time. Firing only *decides* (answers
//   or cancels waits); what follows from it runs in later microtasks. So nested timeouts of one deadline all fire.
// - Nothing fires early: a host timer that comes too soon (Node rounds to its cached loop time) is armed again.
// - callSoon's callbacks run in the next turn, in order; those added meanwhile wait for the turn after.
// - The clock can be replaced (FakeClock): then no host timer is armed, and whoever replaced it fires what is due.
import { type Deadline, DeadlineHeap, describe, disposable } from '../base/index.ts';
import { host } from './host.ts';
import { reportException } from './exception-handler.ts';

/** A clock in place of the host's. */
export interface FakeTime {
  now(): number;
}

const LONGEST_TIMER = 2 ** 31 - 1; // what setTimeout takes; a later deadline is armed again when this one fires

const realDeadlines = new DeadlineHeap();
/** Where deadlines go: the host clock's, or those of the clock in its place. */
let deadlines = realDeadlines;
let fake: FakeTime | undefined;
let timer: unknown;
let armedFor = Infinity;

/** The loop's time, milliseconds with fractions, monotonic; its zero is arbitrary. asyncio: `loop.time()`. */
export function loopTime(): number {
  return fake === undefined ? host.now() : fake.now();
}

/** The time of this turn, from beginTurnTime() to endTurnTime(). */
let turn: number | undefined;

/** The loop's time in whole milliseconds; that of the turn, while it has one. */
export function turnTime(): number {
  return turn ?? Math.floor(loopTime());
}

/** From now to the end of this turn one time will do: a clock costs more than all else that a wait's begin needs. */
export function beginTurnTime(): void {
  turn = Math.floor(loopTime());
}

/** Called at the end of the turn in which beginTurnTime() was. */
export function endTurnTime(): void {
  turn = undefined;
}

export function addDeadline(entry: Deadline): void {
  deadlines.add(entry);
  if (entry.slot === 0) arm(); // it became the earliest
}

/** Takes a deadline back; nothing happens when it fired already. */
export function deleteDeadline(entry: Deadline): void {
  // It may be of the clock before: a sleep that is cancelled while, or after, the clock is replaced.
  if (!deadlines.delete(entry) && fake !== undefined) realDeadlines.delete(entry);
  // Only the last one disarms: a timer that finds nothing due is cheaper than arming one per cancelled sleep.
  if (deadlines.size === 0 && timer !== undefined) disarm();
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
    first.due();
  }
}

/** Replaces the clock until disposed. Deadlines of the host's clock stand still meanwhile and go on afterwards. */
export function replaceTime(time: FakeTime): Disposable {
  if (fake !== undefined) throw new Error('Cannot replace the clock: it is replaced already');
  disarm();
  deadlines = new DeadlineHeap();
  fake = time;
  turn = undefined;
  return disposable(() => {
    fake = undefined;
    turn = undefined;
    deadlines = realDeadlines;
    arm();
  });
}

function arm(): void {
  const first = deadlines.first();
  if (fake !== undefined || first === undefined || first.when === armedFor) return;
  disarm();
  armedFor = first.when;
  const ms = Math.ceil(first.when - host.now());
  timer = host.setTimer(ms < 1 ? 1 : ms > LONGEST_TIMER ? LONGEST_TIMER : ms, onTimer);
}

function disarm(): void {
  if (timer !== undefined) host.clearTimer(timer);
  timer = undefined;
  armedFor = Infinity;
}

function onTimer(): void {
  timer = undefined;
  armedFor = Infinity;
  if (fake !== undefined) return;
  runDue();
  arm();
}

/** A scheduled callback. `cancel()` takes it back. asyncio: `Handle` and `TimerHandle`. */
export class Handle implements Deadline, Disposable {
  /** When it is due on the loop's clock, milliseconds; for `callSoon` the time of the call. */
  when: number;
  /** The heap's own. @internal */
  slot = -1;
  /** The heap's own. @internal */
  order = 0;
  #fn: (() => void) | undefined;
  readonly #inContext: <R>(fn: () => R) => R;

  /** Made by callSoon, callLater and callAt. @internal */
  constructor(when: number, fn: () => void) {
    this.when = when;
    this.#fn = fn;
    this.#inContext = host.captureContext();
  }

  /** True once `cancel()` was called or the callback ran. */
  done(): boolean {
    return this.#fn === undefined;
  }

  /** Takes the callback back; nothing happens when it ran already. */
  cancel(): void {
    this.#fn = undefined;
    deleteDeadline(this);
  }

  [Symbol.dispose](): void {
    this.cancel();
  }

  /** The schedule's own. @internal */
  due(): void {
    const fn = this.#fn;
    if (fn === undefined) return;
    this.#fn = undefined;
    try {
      this.#inContext(fn);
    } catch (error) {
      reportException({ message: 'Unhandled error in a scheduled callback', error });
    }
  }
}

/** What can be put into the next turn: a Handle, a sleep(0), a timeout that is due already. */
export interface Soon {
  due(): void;
}

let soon: Soon[] = [];
let idle: Soon[] = []; // the other of two arrays that take turns, so that a busy loop allocates none

export function addSoon(entry: Soon): void {
  if (soon.length === 0) host.nextTurn(runSoon);
  soon.push(entry);
}

/** How many entries wait for the next turn. */
export function soonCount(): number {
  return soon.length;
}

function runSoon(): void {
  const batch = soon;
  soon = idle;
  for (const entry of batch) entry.due();
  batch.length = 0;
  idle = batch;
}

/** Runs `fn` in the next turn of the loop, in order of the calls. Errors go to the exception handler. asyncio: `loop.call_soon`. */
export function callSoon(fn: () => void): Handle {
  const handle = new Handle(loopTime(), checkFn(fn, 'callSoon'));
  addSoon(handle);
  return handle;
}

/** Runs `fn` after `ms` milliseconds. asyncio: `loop.call_later`. */
export function callLater(ms: number, fn: () => void): Handle {
  return callAt(loopTime() + checkMs(ms, 'schedule the callback'), fn);
}

/** Runs `fn` when `loopTime()` reaches `when`. asyncio: `loop.call_at`. */
export function callAt(when: number, fn: () => void): Handle {
  const handle = new Handle(checkMs(when, 'schedule the callback'), checkFn(fn, 'callAt'));
  if (when !== Infinity) addDeadline(handle); // like sleep(Infinity): it keeps nothing alive
  return handle;
}

/** Throws unless `ms` is a number of milliseconds as users pass it. */
export function checkMs(ms: number, action: string): number {
  if (typeof ms !== 'number' || Number.isNaN(ms)) throw msError(ms, action);
  return ms;
}

/** What is wrong with a number of milliseconds: TypeError for anything but a number, RangeError for NaN. */
export function msError(ms: unknown, action: string): Error {
  const message = `Cannot ${action}: expected a number of milliseconds, got ${describe(ms)}`;
  return typeof ms === 'number' ? new RangeError(message) : new TypeError(message);
}

function checkFn(fn: () => void, name: string): () => void {
  if (typeof fn !== 'function') throw new TypeError(`Cannot call ${name}: expected a function, got ${describe(fn)}`);
  return fn;
}
