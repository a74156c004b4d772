import assert from 'node:assert/strict';
import { CancelledError, createTask, retry, type RetryOptions, sleep } from 'maitre';
import { exploreCancellation, type FakeClock } from 'maitre/testing';
import { fakeTest, test } from '../support/test.js';

/** Retries something that always fails, and gives the times of its calls. */
async function callTimes(clock: FakeClock, options: RetryOptions): Promise<number[]> {
  const start = clock.now();
  const times: number[] = [];
  await assert.rejects(
    retry((attempt) => {
      assert.equal(attempt, times.length + 1);
      times.push(clock.now() - start);
      throw new Error(`burnt ${attempt}`);
    }, options),
    { message: `burnt ${options.attempts ?? 3}` },
  );
  return times;
}

fakeTest('retry gives what fn gives, at once when it succeeds at once', async (clock) => {
  assert.equal(await retry(() => 'plain'), 'plain');
  assert.equal(await retry(async (attempt) => attempt), 1);
  assert.equal(clock.now(), 0);
});

fakeTest('it calls again after a pause that doubles, and throws the last error', async (clock) => {
  assert.deepEqual(await callTimes(clock, { jitter: false }), [0, 100, 300]);
  assert.deepEqual(await callTimes(clock, { jitter: false, attempts: 5, backoff: 10 }), [0, 10, 30, 70, 150]);
  assert.deepEqual(await callTimes(clock, { attempts: 1 }), [0]);
});

fakeTest('maxBackoff bounds the pauses', async (clock) => {
  const options = { jitter: false, attempts: 5, backoff: 10, maxBackoff: 25 };
  assert.deepEqual(await callTimes(clock, options), [0, 10, 30, 55, 80]);
});

fakeTest('backoff may be a function of the attempts made so far', async (clock) => {
  const options = { jitter: false, attempts: 4, backoff: (attempt: number) => 1000 * attempt };
  assert.deepEqual(await callTimes(clock, options), [0, 1000, 3000, 6000]);
});

fakeTest('jitter, on by default, makes each pause one from half of it to all of it', async (clock) => {
  const pauses = new Set<number>();
  for (let i = 0; i < 20; i++) {
    const [, second = NaN] = await callTimes(clock, { attempts: 2, backoff: 1000 });
    assert.ok(second >= 500 && second <= 1000, `${second} ms`);
    pauses.add(second);
  }
  assert.ok(pauses.size > 10);
});

fakeTest('retryOn says whether an error is worth another attempt', async () => {
  const seen: unknown[] = [];
  let calls = 0;
  const retryOn = (error: unknown, attempt: number): boolean => {
    seen.push([(error as Error).message, attempt]);
    return attempt < 2;
  };
  await assert.rejects(
    retry(
      () => {
        throw new Error(`no ${++calls}`);
      },
      { attempts: 9, backoff: 1, retryOn },
    ),
    { message: 'no 2' },
  );
  assert.deepEqual(seen, [
    ['no 1', 1],
    ['no 2', 2],
  ]);
});

fakeTest('a CancelledError is never retried, and a cancel in the pause ends it', async (clock) => {
  let calls = 0;
  const task = createTask(() =>
    retry(
      () => {
        calls++;
        throw new Error('busy');
      },
      { backoff: 1000, jitter: false },
    ),
  );
  await sleep(10);
  task.cancel();
  await assert.rejects(task.then(), CancelledError);
  assert.equal(calls, 1);
  const inside = createTask(() => retry(() => (calls++, sleep(1000))));
  await sleep(10);
  inside.cancel();
  await assert.rejects(inside.then(), CancelledError);
  assert.deepEqual([calls, clock.now()], [2, 20]);
});

fakeTest('a signal ends it in its pause, and before it begins', async () => {
  const controller = new AbortController();
  let calls = 0;
  const fails = (): never => {
    calls++;
    throw new Error('busy');
  };
  const retrying = retry(fails, { signal: controller.signal, backoff: 1000 });
  await sleep(10);
  controller.abort();
  await assert.rejects(retrying, CancelledError);
  await assert.rejects(retry(fails, { signal: controller.signal }), CancelledError);
  assert.equal(calls, 1);
});

fakeTest('it takes a function, and checks its options before it calls it', async () => {
  await assert.rejects(retry(Promise.resolve(1) as never), /Cannot retry: expected a function, got a promise/);
  const never = (): never => assert.fail('called');
  for (const attempts of [0, -1, 1.5, NaN]) {
    await assert.rejects(retry(never, { attempts }), {
      name: 'RangeError',
      message: `Cannot retry: attempts must be an integer >= 1 or Infinity, got ${attempts}`,
    });
  }
  await assert.rejects(retry(never, { attempts: '3' as never }), { name: 'TypeError' });
  await assert.rejects(retry(never, { backoff: NaN }), { name: 'RangeError' });
  await assert.rejects(retry(never, { maxBackoff: -1 }), {
    name: 'RangeError',
    message: 'Cannot retry: maxBackoff must be a number of milliseconds >= 0, got -1',
  });
  for (const options of [{ maxBackoff: '1' }, { backoff: '1' }, { jitter: 1 }, { retryOn: /busy/ }, { atempts: 1 }]) {
    await assert.rejects(retry(never, options as object), { name: 'TypeError' }, JSON.stringify(options));
  }
});

fakeTest('attempts may be Infinity', async () => {
  let calls = 0;
  const fn = (): number => {
    if (++calls < 50) throw new Error('busy');
    return calls;
  };
  assert.equal(await retry(fn, { attempts: Infinity }), 50);
});

test('retry passes exploreCancellation', async () => {
  const points = await exploreCancellation(async (x) => {
    let calls = 0;
    const task = x.task('caller', () =>
      retry(
        async () => {
          calls++;
          await sleep(1);
          throw new Error('busy');
        },
        { jitter: false },
      ).catch((error: unknown) => {
        if (error instanceof CancelledError) throw error;
      }),
    );
    await x.settled();
    assert.ok(task.cancelled() || calls === 3);
  });
  assert.ok(points > 10);
});

fakeTest('backoff: 0 pauses for a turn, for as many attempts as there are', async (clock) => {
  for (const backoff of [0, Number.MIN_VALUE, 1]) {
    let calls = 0;
    const value = await retry(
      () => {
        if (++calls < 1100) throw new Error('not yet');
        return calls;
      },
      { backoff, attempts: Infinity, maxBackoff: 5 },
    );
    assert.equal(value, 1100);
    assert.ok(clock.now() < 20_000);
  }
});

fakeTest('a pause without an end is one, with and without jitter', async () => {
  for (const jitter of [true, false]) {
    const options = { backoff: Infinity, maxBackoff: Infinity, jitter };
    const task = createTask(() => retry(() => Promise.reject(new Error('no')), options));
    await sleep(1e9);
    assert.equal(task.done(), false);
    task.cancel();
    await assert.rejects(async () => task, CancelledError);
  }
});

fakeTest('a backoff that is no number of milliseconds does not hide the error', async () => {
  const real = new Error('the database is down');
  const fails = (): Promise<never> => Promise.reject(real);
  for (const [value, name] of [
    [NaN, 'RangeError'],
    ['soon', 'TypeError'],
    [undefined, 'TypeError'],
  ] as const) {
    await assert.rejects(retry(fails, { backoff: () => value as number }), (error: Error) => {
      assert.equal(error.name, name);
      assert.match(error.message, /^Cannot retry: expected a number of milliseconds from backoff, got /);
      assert.equal(error.cause, real);
      return true;
    });
  }
  const broken = (): never => {
    throw new Error('broken');
  };
  for (const options of [{ backoff: broken }, { retryOn: broken }]) {
    await assert.rejects(retry(fails, options), (error: Error) => error.message === 'broken' && error.cause === real);
  }
  assert.equal(await retry((attempt) => (attempt === 1 ? fails() : 'up'), { backoff: () => -5 }), 'up');
  for (const options of [{ backoff: -1 }, { maxBackoff: -1 }, { backoff: NaN }, { maxBackoff: NaN }]) {
    let calls = 0;
    await assert.rejects(
      retry(() => calls++, options),
      RangeError,
    );
    assert.equal(calls, 0);
  }
});
