// What every executor of this machine does alike.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CancelledError,
  createTask,
  InvalidStateError,
  QueueFull,
  sleep,
  timeout,
  TimeoutError,
  WorkerLostError,
} from 'maitre';
import { Resource, waitsOf } from 'maitre/lowlevel';
import { type Executor, type ExecutorOptions, transfer } from 'maitre/executors';
import { nextTurn, test } from '../support/test.js';
import type * as jobs from './fixtures/jobs.js';

/** What a kind of executor cannot do, with the reason. */
export interface Exceptions {
  readonly memory?: string | false;
  /** Nothing is moved. */
  readonly copies?: boolean;
}

/** The tests that every executor of this machine passes. */
export function testExecutor(
  title: string,
  make: (options: ExecutorOptions) => Executor & Resource,
  exceptions: Exceptions = {},
): void {
  const url = new URL('./fixtures/jobs.js', import.meta.url);

  /** Runs `fn` with an executor, its module and a file that jobs write to; reads what they wrote. */
  async function withThreads(
    options: ExecutorOptions,
    fn: (use: {
      threads: Executor & Resource;
      heavy: ReturnType<typeof moduleOf>;
      file: string;
      written: () => string;
    }) => Promise<void>,
  ): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'maitre-'));
    const file = join(folder, 'log');
    const written = (): string => {
      try {
        return readFileSync(file, 'utf8');
      } catch {
        return '';
      }
    };
    try {
      await using threads = make(options);
      await fn({ threads, heavy: moduleOf(threads), file, written });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  const moduleOf = (threads: Executor & Resource) => threads.module<typeof jobs>(url);

  async function until(fact: () => boolean): Promise<void> {
    for (let i = 0; !fact(); i++) {
      if (i > 1000) throw new Error('it did not come to pass');
      await sleep(5);
    }
  }

  test(`${title}: functions of a module and closed functions run in threads, many at once`, async () => {
    await withThreads({ size: 2 }, async ({ threads, heavy }) => {
      assert.equal(await heavy.add(2, 3), 5);
      const sums = await Promise.all(Array.from({ length: 50 }, (_, i) => heavy.add(i, 1)));
      assert.deepEqual(
        sums,
        Array.from({ length: 50 }, (_, i) => i + 1),
      );
      assert.equal(await threads.run((n: number, m: number) => n * m, 6, 7), 42);
      assert.equal(await threads.submit<string>({ module: url, name: 'later', args: ['soup', 5] }), 'soup');
      const { workers, finished, failed, running, queued } = threads.statistics();
      assert.deepEqual({ finished, failed, running, queued }, { finished: 53, failed: 0, running: 0, queued: 0 });
      assert.ok(workers <= 2);
    });
  });

  test(`${title}: errors cross with class, name, code, own fields, cause and both stacks`, async () => {
    await withThreads({ size: 1 }, async ({ heavy }) => {
      const error = await heavy.fail().then(
        () => undefined,
        (caught: unknown) => caught as RangeError & { code: string; details: object },
      );
      assert.ok(error instanceof RangeError);
      assert.equal(error.name, 'OwnError');
      assert.equal(error.message, 'no luck');
      assert.equal(error.code, 'ERR_OWN');
      assert.deepEqual(error.details, { depth: 3 });
      assert.ok(error.cause instanceof TypeError);
      assert.match(error.stack ?? '', /at fail .*jobs\.(js|ts)[\s\S]*called in the program[\s\S]*suite/);
      await assert.rejects(heavy.failWith({ plain: 'object' }), (thrown) => {
        assert.deepEqual(thrown, { plain: 'object' });
        return true;
      });
      await assert.rejects(heavy.failWith(undefined), (thrown) => thrown === undefined);
    });
  });

  test(`${title}: what cannot be cloned is an error that names the place, both ways`, async () => {
    await withThreads({ size: 1 }, async ({ heavy }) => {
      const bad = { list: [1, { fn: () => undefined }] };
      await assert.rejects(heavy.add(1, bad as never), {
        name: 'TypeError',
        message: 'Cannot run add of jobs.js: args[1].list[1].fn (the function fn) cannot be cloned, pass plain data',
      });
      await assert.rejects(heavy.unsendable(), {
        name: 'TypeError',
        message: /^Cannot return from unsendable of jobs\.js: result\.rows\[1\]\.close \(the function close\)/,
      });
      assert.equal(await heavy.add(1, 1), 2); // the worker goes on
    });
  });

  test(`${title}: a function that is not there, or that is not closed, is a clear error`, async () => {
    await withThreads({ size: 1 }, async ({ threads }) => {
      const wrong = threads.module<{ nothing(): void }>(url);
      await assert.rejects(wrong.nothing(), {
        name: 'TypeError',
        message: /exports no function "nothing", only .*add, /,
      });
      assert.throws(() => threads.run(Math.max, 1, 2), { name: 'TypeError', message: /the function max/ });
      assert.throws(() => threads.module('./heavy.js'), {
        name: 'TypeError',
        message: /new URL\("\.\/heavy\.js", import\.meta\.url\)/,
      });
      const outside = 5;
      await assert.rejects(
        threads.run(() => outside),
        /outside/,
      );
    });
  });

  test(`${title}: a cancel reaches synchronous and asynchronous jobs, and the call goes on when they have cleaned up`, async () => {
    await withThreads({ size: 3 }, async ({ threads, heavy, file, written }) => {
      for (const [job, line] of [
        [() => heavy.spin(file), 'spin cleaned up\n'],
        [() => heavy.wait(file), 'wait cleaned up\n'],
        [() => heavy.fetchLike(file), 'signal aborted\n'],
      ] as const) {
        const before = written();
        await heavy.add(1, 1); // the worker runs
        const task = createTask(job);
        await until(() => threads.statistics().running === 1);
        await sleep(50);
        task.cancel();
        await assert.rejects(async () => task, CancelledError);
        assert.equal(written(), before + line);
        assert.equal(threads.statistics().running, 0);
      }
      const { terminated, lost, cancelled } = threads.statistics();
      assert.deepEqual({ terminated, lost, cancelled }, { terminated: 0, lost: 0, cancelled: 3 });
    });
  });

  test(`${title}: a job that does not end is ended with its worker after the grace, and no other job is harmed`, async () => {
    await withThreads({ size: 2, cancelGrace: 50 }, async ({ threads, heavy }) => {
      await Promise.all([heavy.later('', 20), heavy.later('', 20)]);
      const other = heavy.later('unharmed', 2000);
      await assert.rejects(
        timeout(50, () => heavy.block()),
        TimeoutError,
      );
      assert.equal(threads.statistics().terminated, 1);
      assert.equal(threads.statistics().running, 1);
      assert.equal(await other, 'unharmed');
      assert.equal(await heavy.add(1, 2), 3); // the worker was replaced
    });
  });

  test(`${title}: with abandon the call goes on at once, and the job keeps its place`, async () => {
    await withThreads({ size: 1, cancel: 'abandon' }, async ({ threads, heavy }) => {
      await heavy.add(1, 1);
      const task = createTask(() => heavy.later('', 1500));
      await until(() => threads.statistics().running === 1);
      task.cancel();
      await assert.rejects(async () => task, CancelledError);
      assert.equal(threads.statistics().abandoned, 1);
      assert.equal(await heavy.add(1, 2), 3); // when the place is free
      assert.equal(threads.statistics().abandoned, 0);
    });
  });

  test(`${title}: a queued job that is cancelled leaves the queue and never runs`, async () => {
    await withThreads({ size: 1 }, async ({ threads, heavy, file, written }) => {
      await heavy.add(1, 1); // the worker runs
      const first = heavy.later('first', 100);
      const second = createTask(() => heavy.wait(file), { eager: true });
      const third = heavy.later('third', 1);
      assert.equal(threads.statistics().queued, 2);
      second.cancel();
      await assert.rejects(async () => second, CancelledError);
      assert.equal(threads.statistics().queued, 1);
      assert.deepEqual(await Promise.all([first, third]), ['first', 'third']);
      assert.equal(written(), '');
    });
  });

  test(`${title}: queue time and run time have timeouts of their own`, async () => {
    await withThreads({ size: 1, cancelGrace: 50 }, async ({ threads, heavy }) => {
      await heavy.add(1, 1);
      const busy = heavy.later('busy', 150);
      await assert.rejects(heavy.add.with({ queueTimeout: 20 })(1, 2), {
        name: 'TimeoutError',
        message: 'Timed out: add of jobs.js, no worker was free for 20 ms',
      });
      assert.equal(await busy, 'busy');
      await assert.rejects(heavy.later.with({ timeout: 20, name: 'slow' })('', 60_000), {
        name: 'TimeoutError',
        message: 'Timed out: slow, it ran for 20 ms',
      });
      await assert.rejects(heavy.block.with({ timeout: 20 })(), TimeoutError);
      assert.equal(threads.statistics().terminated, 1);
      assert.throws(() => heavy.add.with({ timeout: -1 })(1, 2), RangeError);
    });
  });

  test(`${title}: the queue is bounded: a job above maxQueue waits for room or is refused`, async () => {
    await withThreads({ size: 1, maxQueue: 1, overflow: 'reject' }, async ({ heavy }) => {
      await heavy.add(1, 1);
      const running = heavy.later('running', 50);
      const queued = heavy.later('queued', 1);
      await assert.rejects(heavy.add(1, 2), QueueFull);
      assert.deepEqual(await Promise.all([running, queued]), ['running', 'queued']);
    });
    await withThreads({ size: 1, maxQueue: 1 }, async ({ threads, heavy }) => {
      await heavy.add(1, 1);
      const all = Array.from({ length: 5 }, (_, i) => heavy.later(String(i), 5));
      await nextTurn();
      assert.equal(threads.statistics().queued, 1);
      const cancelled = createTask(() => heavy.add(1, 2), { eager: true });
      cancelled.cancel();
      await assert.rejects(async () => cancelled, CancelledError);
      assert.deepEqual(await Promise.all(all), ['0', '1', '2', '3', '4']);
    });
  });

  test(`${title}: a worker that ends fails exactly its own job, with an error that names job and cause, and is replaced`, async () => {
    await withThreads({ size: 2 }, async ({ threads, heavy }) => {
      const other = heavy.later('unharmed', 1500);
      await assert.rejects(heavy.exit(3), (error) => {
        assert.ok(error instanceof WorkerLostError);
        assert.equal(error.message, 'The worker of exit of jobs.js ended while it ran: exit code 3');
        return true;
      });
      await assert.rejects(heavy.throwInTimer(), (error) => {
        assert.ok(error instanceof WorkerLostError);
        assert.match((error.cause as Error).message, /thrown in a timer/);
        return true;
      });
      assert.equal(await other, 'unharmed');
      assert.equal(await heavy.add(1, 2), 3);
      assert.equal(threads.statistics().lost, 2);
    });
  });

  test(
    `${title}: a job that runs out of memory loses its worker alone`,
    async () => {
      await withThreads({ size: 2, maxMemory: 32 * 2 ** 20 }, async ({ heavy }) => {
        const other = heavy.later('unharmed', 1500);
        await assert.rejects(heavy.eatMemory(), (error) => {
          assert.ok(error instanceof WorkerLostError);
          assert.match(error.message, /memory|signal SIG(ABRT|KILL|TRAP)|exit code/);
          return true;
        });
        assert.equal(await other, 'unharmed');
        assert.equal(await heavy.add(1, 2), 3);
      });
    },
    { skip: exceptions.memory ?? false },
  );

  test(`${title}: progress comes before the result`, async () => {
    await withThreads({ size: 1 }, async ({ heavy }) => {
      const seen: unknown[] = [];
      assert.equal(await heavy.progress.with({ onProgress: (value) => seen.push(value) })(), 'done');
      assert.deepEqual(seen, [{ done: 0.5 }, 'nearly']);
    });
  });

  test(`${title}: a buffer that is transferred goes over and comes back without a copy`, async () => {
    await withThreads({ size: 1 }, async ({ heavy }) => {
      const pixels = new Uint8Array([0, 1, 255]);
      const inverted = await heavy.invert(transfer(pixels));
      assert.equal(pixels.length, exceptions.copies === true ? 3 : 0); // else it was moved
      assert.deepEqual([...inverted], [255, 254, 0]);
    });
  });

  test(`${title}: a generator is a stream with back-pressure, and leaving the loop ends it`, async () => {
    await withThreads({ size: 1 }, async ({ threads, heavy, file, written }) => {
      const all: number[] = [];
      for await (const item of heavy.count(1000)) all.push(item);
      assert.deepEqual(
        all,
        Array.from({ length: 1000 }, (_, i) => i + 1),
      );
      for await (const item of heavy.count(1_000_000, file)) if (item === 100) break;
      const made = Number(/made (\d+)/.exec(written())?.[1]);
      assert.ok(made >= 100 && made <= 164, `${made} were made`);
      assert.equal(threads.statistics().running, 0);
      const broken: number[] = [];
      await assert.rejects(
        (async () => {
          for await (const item of heavy.breaks()) broken.push(item);
        })(),
        { name: 'RangeError', message: 'broken after one' },
      );
      await assert.rejects(heavy.count(5) as never, { name: 'TypeError', message: /is a generator, write for await/ });
      assert.equal(await heavy.add(1, 2), 3);
    });
  });

  test(`${title}: a stream that is cancelled or whose scope ends gives its place back`, async () => {
    await withThreads({ size: 1 }, async ({ threads, heavy, file, written }) => {
      for (const stopAt of [10, 64]) {
        // In the body of the loop, and at the wait for an item: the last one there is credit for.
        let seen = 0;
        const task = createTask(async () => {
          for await (const item of heavy.slowCount(1000, file)) {
            seen = item;
            if (item === stopAt && stopAt === 10) await sleep(60_000);
          }
        });
        await until(() => seen >= stopAt);
        task.cancel();
        await assert.rejects(async () => task, CancelledError);
        assert.equal(threads.statistics().running, 0);
      }
      assert.equal(written(), 'slow ended\nslow ended\n');
      await createTask(async () => {
        heavy.count(1_000_000)[Symbol.asyncIterator](); // never iterated
        await sleep(20);
      });
      await until(() => threads.statistics().running === 0);
      assert.equal(await heavy.add(1, 2), 3);
    });
  });

  test(`${title}: a call is a wait record on its job, and job and executor are live resources`, async () => {
    await withThreads({ size: 1, name: 'kitchen' }, async ({ threads, heavy }) => {
      await heavy.add(1, 1);
      const task = createTask(() => heavy.later('', 100), { eager: true });
      const [wait] = waitsOf(task);
      assert.equal(wait?.kind, 'executor.call');
      assert.equal(String(wait?.resource), '<Job "later of jobs.js" running>');
      const live = [...Resource.live].filter(({ kind }) => kind === 'job' || kind === 'executor');
      assert.deepEqual(live.map(String), [String(threads), '<Job "later of jobs.js" running>']);
      assert.equal(live[1]?.parent, threads);
      await task;
      assert.equal([...Resource.live].filter(({ kind }) => kind === 'job').length, 0);
    });
  });

  test(`${title}: shutdown lets jobs end, cancels the rest after the grace, and tells what happened`, async () => {
    await withThreads({ size: 1, cancelGrace: 20 }, async ({ threads, heavy }) => {
      const soon = heavy.later('soon', 50);
      assert.deepEqual(await threads.shutdown(), { finished: 1, cancelled: 0, terminated: 0 });
      assert.equal(await soon, 'soon');
      assert.throws(() => heavy.add(1, 2), InvalidStateError);
    });
    await withThreads({ size: 1, cancelGrace: 20 }, async ({ threads, heavy }) => {
      await heavy.add(1, 1);
      const blocked = heavy.block();
      const queued = heavy.add(1, 2);
      const outcomes = Promise.allSettled([blocked, queued]);
      assert.deepEqual(await threads.shutdown({ grace: 50 }), { finished: 0, cancelled: 2, terminated: 1 });
      assert.deepEqual(
        (await outcomes).map(({ status }) => status),
        ['rejected', 'rejected'],
      );
    });
  });

  test(`${title}: options are checked and named`, () => {
    const wrong: [ExecutorOptions, string, RegExp][] = [
      [{ size: 0 }, 'RangeError', /size must be an integer >= 1, got 0/],
      [{ size: '2' as never }, 'TypeError', /size must be/],
      [{ cancel: 'kill' as never }, 'RangeError', /cancel must be terminate or abandon, got "kill"/],
      [{ maxQueue: -1 }, 'RangeError', /maxQueue must be/],
      [{ cancelGrace: -1 }, 'RangeError', /cancelGrace must be a number of milliseconds >= 0/],
      [{ threads: 2 } as never, 'TypeError', /unknown option "threads"/],
    ];
    for (const [options, name, message] of wrong) assert.throws(() => make(options), { name, message });
  });
}
