import assert from 'node:assert/strict';
import { Worker } from 'node:worker_threads';
import { sleep, timeout, TimeoutError } from 'maitre';
import { type ExecutorOptions, serveModules, ThreadExecutor, transfer } from 'maitre/executors';
import { addInstrument, Resource } from 'maitre/lowlevel';
import type * as jobs from '#src/executors/check/jobs.js';
import type * as own from '../fixtures/jobs.js';
import { isBun, isDeno } from '../../net/sockets.js';
import { collectGarbage } from '../../support/garbage.js';
import { test } from '../../support/test.js';
import { testExecutor } from '../suite.js';

const memory = (isBun || isDeno) && 'Bun and Deno ignore the limit: the whole process would be out of memory';

testExecutor('threads', (options: ExecutorOptions) => new ThreadExecutor(options), memory);

test(
  'a thread without memory is an error whose cause says so',
  async () => {
    await using threads = new ThreadExecutor({ size: 1, maxMemory: 32 * 2 ** 20 });
    const eat = threads.run(() => {
      const all: number[][] = [];
      for (;;) all.push(Array.from({ length: 100_000 }, Math.random));
    });
    await assert.rejects(eat, (error: Error) => (error.cause as { code?: string }).code === 'ERR_WORKER_OUT_OF_MEMORY');
  },
  { skip: memory },
);

test('a buffer that is transferred to a thread is moved, and comes back without a copy', async () => {
  await using threads = new ThreadExecutor({ size: 1 });
  const pixels = new Uint8Array([0, 1, 255]);
  const same = await threads.run((bytes: Uint8Array) => bytes, transfer(pixels));
  assert.equal(pixels.length, 0);
  assert.deepEqual([...same], [0, 1, 255]);
});

test('with worker, threads start from a file of the user and serve modules by name', async () => {
  const start = (): Worker => new Worker(new URL('../fixtures/jobs.worker.js', import.meta.url));
  await using threads = new ThreadExecutor({ size: 1, cancelGrace: 5000, worker: start });
  const heavy = threads.module<typeof jobs>('jobs');
  assert.equal(await heavy.add(1, 2), 3);
  assert.equal(await threads.submit({ module: 'jobs', name: 'add', args: [3, 4] }), 7);
  assert.equal(await threads.module<typeof jobs>(new URL('../fixtures/jobs.js', import.meta.url)).add(5, 6), 11);
  const seen: unknown[] = [];
  await assert.rejects(
    timeout(50, () => heavy.spin.with({ onProgress: (value) => seen.push(value) })(60_000)),
    TimeoutError,
  );
  assert.deepEqual(seen, ['began', 'cleaned up']);
  await assert.rejects(threads.module<typeof jobs>('light').add(1, 2), {
    name: 'TypeError',
    message: 'Cannot load module "light": the worker serves jobs, write serveModules({ light }) in its file',
  });
});

test("with worker, messages of the user's own code are left alone", async () => {
  const start = (): Worker => new Worker(new URL('../fixtures/talkative.worker.js', import.meta.url));
  await using threads = new ThreadExecutor({ size: 1, worker: start });
  assert.equal(await threads.module<typeof jobs>('jobs').add(1, 2), 3);
});

test('with worker, a thread that cannot be started is an error that says why', async () => {
  const fail = (): never => {
    throw new Error('no thread today');
  };
  await using threads = new ThreadExecutor({ size: 1, worker: fail });
  await assert.rejects(
    threads.run(() => 1),
    { name: 'WorkerLostError', message: 'Cannot run a function: no worker could be started, no thread today' },
  );
  assert.throws(() => new ThreadExecutor({ worker: fail, maxMemory: 1 }), /set resourceLimits of that Worker/);
  assert.throws(() => threads.module('./heavy.js'), /new URL\("\.\/heavy\.js", import\.meta\.url\)/);
});

test('a thread that always has a next job lets the timers of earlier ones run', async () => {
  await using threads = new ThreadExecutor({ size: 1 });
  const heavy = threads.module<typeof own>(new URL('../fixtures/jobs.js', import.meta.url));
  let ticks = await heavy.countTicks();
  for (const until = Date.now() + 500; Date.now() < until;) ticks = await heavy.countTicks();
  assert.ok(ticks > 10, `${ticks} ticks in 500 ms`);
});

test('serveModules is refused outside of workers', () => {
  assert.throws(() => serveModules({}), { name: 'InvalidStateError', message: /this is no worker/ });
});

test(
  'a call owns what it needs: it ends when nobody has its module or its executor any more',
  async () => {
    const before = new Set(Resource.live);
    const call = (() =>
      new ThreadExecutor({ size: 1 }).run(
        (ms: number) => new Promise<string>((resolve) => setTimeout(resolve, ms, 'kept')),
        300,
      ))();
    for (let i = 0; i < 5; i++) {
      collectGarbage?.();
      await sleep(20);
    }
    assert.equal(await call, 'kept');
    for (const each of Resource.live) if (!before.has(each)) await (each as ThreadExecutor).shutdown();
  },
  { skip: collectGarbage === undefined && 'this runtime shows no garbage collection' },
);

test('an instrument sees a job opened, started in a worker with its number, and closed', async () => {
  const log: unknown[] = [];
  await using threads = new ThreadExecutor({ size: 2 });
  const open = Array.from({ length: 2 }, () =>
    threads.run(() => new Promise((resolve) => void setTimeout(resolve, 50))),
  );
  await Promise.all(open); // both workers are there
  using _ = addInstrument({
    opened: (job) => log.push(['opened', job.kind, job.parent === threads]),
    jobStarted: (job, worker) => log.push(['started', job.kind, worker]),
    closed: (job) => log.push(['closed', job.kind]),
  });
  await threads.run(() => 1);
  const worker = (log[1] as unknown[])[2]; // the worker that took it, either of the two
  assert.ok(worker === 0 || worker === 1, String(worker));
  assert.deepEqual(log, [
    ['opened', 'job', true],
    ['started', 'job', worker],
    ['closed', 'job'],
  ]);
});
