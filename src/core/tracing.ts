// Tracing: while it is on, waits and cancellations record their stacks. While it is off, it costs
// one test of a boolean. Sampling records the place of one wait in some number, at the price of one
// test of a number for the others.
import { disposable } from '../base/index.ts';
import { type CancelReason, CancelledError } from './errors.ts';

/** How many have turned it on. */
let users = 0;

/** True while stacks are recorded. A live binding, read on hot paths. */
export let tracing = false;
/**
 * Of how many waits one records where it began; 0 for none. 1 while tracing. A live binding, read
 * on hot paths.
 */
export let siteEvery = 0;
/** What sampleSites() was last called with. */
let sampled = 0;
/** Waits up to the next one that records its site, that one included. */
let untilNext = 1;
/** The state of the numbers that vary `untilNext`. */
let seed = 1;

/** Turns tracing on until the result is disposed. Nested uses add up. */
export function traceStacks(): Disposable {
  trace(1);
  return disposable(() => trace(-1));
}

function trace(change: 1 | -1): void {
  users += change;
  tracing = users > 0;
  sampleSites(sampled);
}

/**
 * Sets of how many waits one records where it began, an integer >= 0. 0, the default, records
 * none. It can change at any time. A record costs 1 to 3 us.
 */
export function sampleSites(every: number): void {
  sampled = every;
  siteEvery = tracing ? 1 : every;
  untilNext = 1;
}

/**
 * Counts a wait. Returns its site if it records one. Call it only while `siteEvery` is not 0. The
 * steps between two sites vary, so that a program whose waits alternate shows them all.
 */
export function waitSite(below: Below): Site | undefined {
  if (--untilNext > 0) return undefined;
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 1;
  untilNext = 1 + ((seed >>> 8) % (2 * siteEvery - 1));
  return captureSite(below, FRAMES);
}

/**
 * Makes a CancelledError, without the cost of a stack (5 us instead of 0.3 us) unless tracing is
 * on. For primitives that cancel.
 * @param message shown to the user; by default that of CancelledError
 * @param reason who cancels, for `CancelledError.reason`
 *
 * @example
 * ```ts
 * import { makeCancelledError } from 'maitre/lowlevel';
 * const error = makeCancelledError('Cancelled: the oven is off', { kind: 'shutdown' });
 * console.log(error.reason.kind); // shutdown
 * ```
 */
export function makeCancelledError(message: string | undefined, reason: CancelReason, cause?: unknown): CancelledError {
  const options = cause === undefined ? { reason } : { reason, cause };
  if (tracing) return new CancelledError(message, options);
  return withoutStack(() => new CancelledError(message, options));
}

/**
 * Makes an error without a stack. For errors whose stack would show only this package. The engine
 * captures `stackTraceLimit` frames when an error is constructed. Zero frames cost almost nothing.
 */
export function withoutStack<E extends Error>(make: () => E): E {
  const limit = swapLimit(0);
  const error = make();
  swapLimit(limit);
  return error;
}

/** Sets how many frames stacks have, and returns how many they had. Nothing changes if Error is frozen. */
export function swapLimit(limit: number): number {
  const before = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = limit; // Reflect.set would not throw, and takes ten times as long
  } catch {
    // node --frozen-intrinsics, or SES.
  }
  return before;
}

/** A function or class. Stacks are captured below its call. */
type Below = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown);

/** A stack in the engine's own form. It is formatted when `stack` is first read. */
export interface Site {
  stack?: string;
}

/**
 * How many frames the site of a wait has while nothing traces: those of this package, and then that
 * of the user and the functions that await it.
 */
const FRAMES = 12;

/** Captures the place that called `below`: `frames` of it, or twenty while tracing. */
export function captureSite(below: Below, frames = 1): Site {
  const site: Site = {};
  const limit = swapLimit(tracing ? 20 : frames);
  capture(site, below);
  swapLimit(limit);
  return site;
}

/**
 * Returns the frames of a captured stack, the outermost last, without the leading `at` and without
 * the frames of this package.
 */
export function formatFrames(site: Site | undefined): string[] {
  if (site?.stack === undefined) return [];
  const frames = site.stack.split('\n').flatMap((line) => /^\s*at (.+)$/.exec(line)?.[1] ?? []);
  return frames.filter((frame) => !/[/\\]maitre[/\\]dist[/\\]/.test(frame));
}

// Engines without captureStackTrace (older Safari and Firefox) record no creation site, because
// another way would cost too much.
const capture: (target: object, below: Below) => void =
  (Error as { captureStackTrace?: (target: object, below: Below) => void }).captureStackTrace ??
  ((): void => undefined);
