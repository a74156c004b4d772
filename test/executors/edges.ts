// What happens at the edges of a call: late, early, twice, with values that resist.
import assert from 'node:assert/strict';
import { CancelledError, createTask, TimeoutError } from 'maitre';
import type { Executor, ExecutorOptions } from 'maitre/executors';
import { isDeno } from '../net/sockets.js';
import { test } from '../support/test.js';
import type * as jobs from './fixtures/jobs.js';

/** The tests of an executor of this machine. */
export function testEdges(title: string, make: (options: ExecutorOptions) => Executor): void {
  const url = new URL('./fixtures/jobs.js', import.meta.url);

  test(`${title}: a getter that throws in an argument fails its call alone, and is named`, async () => {
    await using workers = make({ size: 1 });
    const heavy = workers.module<typeof jobs>(url);
    await heavy.add(1, 1);
    const other = heavy.later('unharmed', 20);
    const bad = {
      get soup(): number {
        throw new Error('salty');
      },
    };
    const calls = [heavy.add(1, bad as never), heavy.add(2, bad as never)];
    for (const call of calls) {
      await assert.rejects(call, { name: 'TypeError', message: /args\[1\]\.soup \(a getter that throws\)/ });
    }
    assert.equal(await other, 'unharmed');
    assert.equal(workers.statistics().terminated, 0);
  });

  test(`${title}: an error that resists being sent arrives without what resists`, async () => {
    await using workers = make({ size: 1 });
    const odd = await workers
      .run(() => {
        throw Object.assign(new RangeError('x'), { message: () => 'soup', memory: new SharedArrayBuffer(4) });
      })
      .catch((error: unknown) => error);
    assert.ok(odd instanceof RangeError);
    assert.match(odd.message, /soup/);
    const failing = workers.run(() => {
      const fails = {
        enumerable: true,
        get: () => {
          throw new Error('salty');
        },
      };
      throw Object.defineProperties(new RangeError('no luck'), { field: fails, cause: fails });
    });
    await assert.rejects(failing, { name: 'RangeError', message: 'no luck' });
    assert.equal(await workers.run(() => 5), 5);
  });

  test(`${title}: queueTimeout includes the wait for room, and the job never runs`, async () => {
    await using workers = make({ size: 1, maxQueue: 0 });
    const heavy = workers.module<typeof jobs>(url);
    await heavy.add(1, 1);
    let isBusy = true;
    const busy = heavy.later('', 500).then(() => (isBusy = false));
    await assert.rejects(heavy.add.with({ queueTimeout: 20 })(1, 2), TimeoutError);
    assert.equal(isBusy, true);
    await busy;
    assert.equal(await heavy.add(1, 2), 3);
    assert.equal(workers.statistics().finished, 3);
  });

  test(`${title}: a stream that failed before its first next() tells it`, async () => {
    const workers = make({ size: 1 });
    const heavy = workers.module<typeof jobs>(url);
    await heavy.add(1, 1);
    const late = heavy.storedItems.with({ timeout: 200 })();
    await heavy.add(1, 2); // runs when the stream has expired
    await assert.rejects(late.next(), TimeoutError);
    const open = heavy.storedItems();
    await assert.rejects(open as unknown as Promise<never>, /is a generator/);
    await assert.rejects(open.next(), CancelledError);
    await workers.shutdown();
  });

  test(`${title}: leaving a stream that has not begun ends every wait for it`, async () => {
    await using workers = make({ size: 1 });
    const heavy = workers.module<typeof jobs>(url);
    const busy = heavy.later('', 50);
    const queued = heavy.storedItems();
    const next = queued.next();
    assert.deepEqual(await queued.return?.(), { done: true, value: undefined });
    assert.deepEqual(await next, { done: true, value: undefined });
    assert.deepEqual(await queued.return?.(), { done: true, value: undefined });
    await assert.rejects(queued as unknown as Promise<never>, CancelledError);
    await busy;
  });

  test(`${title}: a stream whose scope has ended rejects next() in another scope`, async () => {
    await using workers = make({ size: 1 });
    const heavy = workers.module<typeof jobs>(url);
    await heavy.add(1, 1);
    const { stream: items } = await createTask(async () => {
      const stream = heavy.oneItem();
      await stream.next();
      return { stream };
    });
    const rest = async (): Promise<void> => {
      for (;;) if ((await items.next()).done === true) return;
    };
    await assert.rejects(rest(), CancelledError);
  });

  test(`${title}: run and submit refuse a generator, and its place is free again`, async () => {
    await using workers = make({ size: 1 });
    const closed = workers.run(function* () {
      yield 1;
    });
    await assert.rejects(closed, { name: 'TypeError', message: /it is a generator, put it into a module/ });
    await assert.rejects(Promise.resolve(workers.submit({ module: url, name: 'storedItems' })), /it is a generator/);
    assert.equal(await workers.run(() => 5), 5);
  });

  test(
    `${title}: an answer that came while this thread was busy is in time`,
    async () => {
      await using workers = make({ size: 1 });
      const heavy = workers.module<typeof jobs>(url);
      await heavy.add(1, 1);
      const running = heavy.later.with({ timeout: 100 })('soup', 5);
      const queued = heavy.add.with({ queueTimeout: 100 })(3, 4);
      // From a timer of the host on, due timers come before messages.
      await new Promise((resolve) => void setTimeout(resolve, 1));
      for (const until = Date.now() + 500; Date.now() < until;);
      clearTimeout(setTimeout(() => undefined, 1)); // any new timer makes Node look at the clock
      assert.deepEqual(await Promise.allSettled([running, queued]), [
        { status: 'fulfilled', value: 'soup' },
        { status: 'fulfilled', value: 7 },
      ]);
      assert.equal(workers.statistics().cancelled, 0);
    },
    { skip: isDeno && title === 'processes' && 'Deno delivers the messages of a process later still' },
  );

  test(`${title}: a job that was cancelled counts once, however it ends`, async () => {
    await using workers = make({ size: 1, cancelGrace: 5000 });
    const stop = new AbortController();
    const began = (): void => stop.abort();
    const heavy = workers.module<typeof jobs>(url);
    const call = heavy.ignoresCancel.with({ signal: stop.signal, onProgress: began })();
    await assert.rejects(call, CancelledError);
    const { finished, failed, cancelled } = workers.statistics();
    assert.deepEqual({ finished, failed, cancelled }, { finished: 0, failed: 0, cancelled: 1 });
  });
}
