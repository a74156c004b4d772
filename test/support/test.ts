// The tests' own `test`: node:test's, with the checks every test ends with. Nothing the body started may be left, no error
// may have gone unheard, and the process may neither have warned nor seen a rejection that nobody handled.
import { test as nodeTest } from 'node:test';
import { type FakeClock, runWithFakeClock, withLeakCheck } from 'maitre/testing';

export interface TestOptions {
  /** How long the body may take, real milliseconds. Default 60,000: a machine may be busy. */
  readonly timeout?: number;
  /** Not run; with a text, the reason. */
  readonly skip?: boolean | string | undefined;
}

/** A test that ends with the leak check. Its name is a claim. */
export function test(name: string, body: () => unknown, options: TestOptions = {}): void {
  const { timeout = 60_000, skip = false } = options;
  void nodeTest(name, { timeout, skip }, async () => {
    await withoutAlarms(() => withLeakCheck(body));
  });
}

/** `test` on a clock that jumps to the next deadline whenever every task waits. The body is a task. */
export function fakeTest(name: string, body: (clock: FakeClock) => unknown, options: TestOptions = {}): void {
  test(name, () => runWithFakeClock(body), options);
}

/** Fails when, during the body, the process warns or an error reaches nobody. The leak check's turns let late ones come. */
export async function withoutAlarms<T>(body: () => PromiseLike<T> | T): Promise<T> {
  const alarms: unknown[] = [];
  const onWarning = (warning: Error): void => {
    if (warning.name !== 'ExperimentalWarning') alarms.push(warning);
  };
  const onError = (error: unknown): void => void alarms.push(error);
  process.on('warning', onWarning);
  process.on('unhandledRejection', onError);
  process.on('uncaughtException', onError);
  try {
    const result = await body();
    await nextTurn();
    if (alarms.length > 0) {
      throw new Error(`The process saw during the test:\n    ${alarms.map(String).join('\n    ')}`, {
        cause: alarms[0],
      });
    }
    return result;
  } finally {
    process.off('warning', onWarning);
    process.off('unhandledRejection', onError);
    process.off('uncaughtException', onError);
  }
}

/** One turn of the host's loop, without maitre. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** `count` microtasks, without maitre. */
export async function microtasks(count = 1): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}
