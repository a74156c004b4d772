// The loop's clock: that of the host, or the one in its place while a test controls the time.
import { wrongValue } from '../base/index.ts';
import { host } from './host.ts';

/** A clock in place of the host's. */
export interface FakeTime {
  now(): number;
}

/** Undefined while the host's clock counts. */
let fake: FakeTime | undefined;

/**
 * Returns the loop's time in milliseconds, with fractions. It never goes back. Its zero is
 * arbitrary: compare it only with other loop times. Under FakeClock it is the fake time. asyncio:
 * `loop.time`.
 *
 * @example
 * ```ts
 * import { loopTime, sleep } from 'maitre';
 * const start = loopTime();
 * await sleep(10);
 * console.log(loopTime() - start >= 10); // true
 * ```
 */
export function loopTime(): number {
  return fake === undefined ? host.now() : fake.now();
}

/** Whether the host's clock is replaced. */
export function timeIsFake(): boolean {
  return fake !== undefined;
}

/** Replaces the host's clock, or puts it back. Only `replaceTime()` of deadlines.ts calls it. */
export function setFakeTime(time: FakeTime | undefined): void {
  fake = time;
}

/**
 * Returns `ms` if it is a number of milliseconds. Infinity and numbers below 0 are allowed.
 * @param action what the caller does, for the message: `Cannot <action>: ...`
 * @throws TypeError for anything but a number, RangeError for NaN
 *
 * @example
 * ```ts
 * import { checkMs } from 'maitre/lowlevel';
 * console.log(checkMs(500, 'ring the bell')); // 500
 * ```
 */
export function checkMs(ms: number, action: string): number {
  if (typeof ms !== 'number' || Number.isNaN(ms)) throw msError(ms, action);
  return ms;
}

/**
 * Returns the error for a wrong number of milliseconds: TypeError for anything but a number,
 * RangeError for NaN.
 */
export function msError(ms: unknown, action: string): Error {
  return wrongValue(action, '', 'a number of milliseconds', ms, 'number');
}
