// The loop's clock: the host's, or one in its place while a test owns the time.
import { wrongValue } from '../base/index.ts';
import { host } from './host.ts';

/** A clock in place of the host's. */
export interface FakeTime {
  now(): number;
}

let fake: FakeTime | undefined;

/** The loop's time, milliseconds with fractions, monotonic; its zero is arbitrary. asyncio: `loop.time()`. */
export function loopTime(): number {
  return fake === undefined ? host.now() : fake.now();
}

/** Whether the clock is not the host's. */
export function timeIsFake(): boolean {
  return fake !== undefined;
}

/** Puts a clock in the host's place, or takes it away again. For replaceTime() of deadlines.ts alone. */
export function setFakeTime(time: FakeTime | undefined): void {
  fake = time;
}

/** Throws unless `ms` is a number of milliseconds as users pass it. */
export function checkMs(ms: number, action: string): number {
  if (typeof ms !== 'number' || Number.isNaN(ms)) throw msError(ms, action);
  return ms;
}

/** What is wrong with a number of milliseconds: TypeError for anything but a number, RangeError for NaN. */
export function msError(ms: unknown, action: string): Error {
  return wrongValue(action, '', 'a number of milliseconds', ms, 'number');
}
