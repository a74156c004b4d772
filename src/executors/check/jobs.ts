// The jobs of the checks. They use nothing that some host has not, and tell by report() what
// happened to them: the executor that is checked is the only way back.
import { sleep } from '../../core/index.ts';
import { checkpoint, jobAttempt, jobSignal, report, transfer } from '../index.ts';

export const add = (a: number, b: number): number => a + b;

export async function later(value: string, ms: number): Promise<string> {
  await sleep(ms, undefined, { signal: jobSignal() });
  return value;
}

/** Synchronous code that looks. Takes `ms` milliseconds unless it is cancelled. */
export function spin(ms: number): number {
  report('began');
  try {
    for (const until = Date.now() + ms; Date.now() < until;) checkpoint();
    return ms;
  } finally {
    report('cleaned up');
  }
}

/** Asynchronous code. Takes `ms` milliseconds unless it is cancelled. */
export async function wait(ms: number): Promise<number> {
  report('began');
  try {
    await sleep(ms, undefined, { signal: jobSignal() });
    return ms;
  } finally {
    report('cleaned up');
  }
}

/** Waits for something that knows nothing but an AbortSignal. */
export async function fetchLike(): Promise<void> {
  report('began');
  await new Promise<void>((resolve) => jobSignal().addEventListener('abort', () => resolve()));
  report('cleaned up');
}

/** Takes `ms` milliseconds, and never looks. */
export function ignore(ms: number): number {
  report('began');
  for (const until = Date.now() + ms; Date.now() < until;);
  return ms;
}

/** Waits for what nobody can cancel. */
export const never = (): Promise<never> => new Promise(() => undefined);

class OwnError extends RangeError {
  override readonly name = 'OwnError';
  readonly code = 'E_OWN';
  readonly details = { depth: 3 };
}

export function fail(): never {
  throw new OwnError('no luck', { cause: new TypeError('the reason') });
}

export function failWith(value: unknown): never {
  throw value;
}

export const unsendable = (): unknown => ({ rows: [1, { close: () => undefined }] });

/** Ends its worker by an error outside of any job. */
export function throwOutside(): Promise<never> {
  setTimeout(() => {
    throw new Error('thrown in a timer');
  });
  return new Promise(() => undefined);
}

/** Ends its worker by an error outside of any job, if it is the first attempt. Returns the number of the attempt. */
export function throwOutsideOnce(): number | Promise<never> {
  return jobAttempt() === 1 ? throwOutside() : jobAttempt();
}

export function progress(): string {
  report({ done: 0.5 });
  report('nearly');
  return 'done';
}

export function invert(pixels: Uint8Array): Uint8Array {
  for (let i = 0; i < pixels.length; i++) pixels[i] = 255 - (pixels[i] as number);
  return transfer(pixels);
}

export async function* count(to: number): AsyncGenerator<number> {
  let made = 0;
  try {
    for (; made < to;) yield ++made;
  } finally {
    report(made);
  }
}

export async function* slowCount(to: number): AsyncGenerator<number> {
  try {
    for (let i = 1; i <= to; i++) {
      yield i;
      await sleep(2, undefined, { signal: jobSignal() });
    }
  } finally {
    report('cleaned up');
  }
}

export async function* breaks(): AsyncGenerator<number> {
  yield 1;
  throw new RangeError('broken after one');
}

/** Makes two items, and then waits. */
export async function* stops(): AsyncGenerator<number> {
  yield 1;
  yield 2;
  await sleep(600_000, undefined, { signal: jobSignal() });
}

export async function* unsendableItems(): AsyncGenerator {
  yield { close: () => undefined };
  await sleep(5); // in another turn
  yield 1;
}
