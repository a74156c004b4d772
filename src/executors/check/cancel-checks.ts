// The promises of every Executor about cancels, timeouts and bounds. check-executor.ts runs them.
//
// Every wait gets the signal of its scope, so that the checks also hold where there is no ambient
// task (browsers).
import {
  CancelledError,
  createTask,
  QueueFull,
  sleep,
  type Task,
  timeout,
  TimeoutError,
  waitsOf,
  WorkerLostError,
} from '../../core/index.ts';
import { errorOf, expect, expectError, messageOf, seededRandom, until } from '../../testing/index.ts';
import type { JobOptions } from '../index.ts';
import { expectSame } from './call-checks.ts';
import { type Check, Reports, type Subject } from './use.ts';

/** The jobs of the storm, and the seed of its moments. */
const STORM = 150;
const SEED = 20;
/** Whether synchronous jobs can see a cancel: not in browsers without shared memory. */
const SEES_CANCELS = 'SharedArrayBuffer' in globalThis;

/** Every check by its name, which is the claim that holds if it passes. */
export const cancelChecks: Readonly<Record<string, Check>> = {
  async 'a cancel reaches synchronous and asynchronous jobs, and the call ends when they have cleaned up'(use) {
    await use({ size: 1, cancelGrace: 10_000 }, async ({ executor, heavy }) => {
      await heavy.add(1, 1); // the worker is there
      const calls: Call[] = [(options) => heavy.wait.with(options)(60_000)];
      if (SEES_CANCELS) calls.push((options) => heavy.spin.with(options)(60_000));
      calls.push((options) => heavy.fetchLike.with(options)());
      for (const call of calls) {
        const { task, reports } = await running(call);
        task.cancel();
        expectError(await errorOf(task), CancelledError, 'a cancelled call');
        expectSame(reports.all, ['began', 'cleaned up'], 'what the job reported before the call rejected');
        expectSame(executor.statistics().running, 0, 'jobs that run afterwards');
      }
      const { terminated, lost, cancelled } = executor.statistics();
      expectSame({ terminated, lost, cancelled }, { terminated: 0, lost: 0, cancelled: calls.length }, 'figures');
    });
  },

  async 'a job that does not end is ended with its worker after the grace, and no other job is harmed'(use) {
    await use({ size: 2, cancelGrace: 50 }, async ({ executor, heavy }) => {
      await Promise.all([heavy.later('', 50), heavy.later('', 50)]);
      const other = heavy.later('unharmed', 1000);
      const { task } = await running((options) => heavy.ignore.with(options)(60_000));
      task.cancel();
      expectError(await errorOf(task), CancelledError, 'a cancelled call');
      expectSame(executor.statistics().terminated, 1, 'workers terminated');
      expectSame(await other, 'unharmed', 'the other job');
      expectSame(await heavy.add(1, 2), 3, 'the next job');
    });
  },

  async 'the end of a worker hits the job it was meant for, and not the next one'(use) {
    const grace = 20;
    await use({ size: 1, cancelGrace: grace }, async ({ heavy }) => {
      await heavy.add(1, 1);
      for (let i = 0; i < 10; i++) {
        // It ends at about the moment at which its worker would be terminated.
        const { task } = await running((options) => heavy.ignore.with(options)(grace - 5 + i));
        task.cancel();
        const next = [heavy.add(i, 1), heavy.later('next', 5)];
        await errorOf(task);
        expectSame(await Promise.all(next), [i + 1, 'next'], `the jobs behind it, round ${i}`);
      }
    });
  },

  async 'with abandon the call rejects at once, and the job keeps its place'(use) {
    await use({ size: 1, cancel: 'abandon' }, async ({ executor, heavy }) => {
      const { task } = await running((options) => heavy.ignore.with(options)(300));
      task.cancel();
      expectError(await errorOf(task), CancelledError, 'a cancelled call');
      expectSame(executor.statistics().abandoned, 1, 'abandoned jobs');
      expectSame(await heavy.add(1, 2), 3, 'the next job, when the place is free');
      expectSame(executor.statistics().abandoned, 0, 'abandoned jobs afterwards');
    });
  },

  async 'a queued job that is cancelled leaves the queue and never runs'(use) {
    await use({ size: 1 }, async ({ executor, heavy }) => {
      const { task: first } = await running((options) => heavy.wait.with(options)(200));
      const reports = Array.from({ length: 4 }, () => new Reports());
      const queued = reports.map((each) =>
        started((options) => heavy.wait.with({ ...options, onProgress: each.onProgress })(10)),
      );
      expectSame(executor.statistics().queued, 4, 'queued jobs');
      for (const task of [queued[0], queued[2]]) {
        task?.cancel();
        expectError(await errorOf(task as Task<unknown>), CancelledError, 'a queued call');
      }
      expectSame(executor.statistics().queued, 2, 'queued jobs after two cancels');
      await Promise.all([first, queued[1], queued[3]]);
      const [a, b, c, d] = reports.map((each) => each.text);
      expectSame([a, c], ['', ''], 'what cancelled jobs reported');
      expectSame([b, d], ['began, cleaned up', 'began, cleaned up'], 'what the others reported');
    });
  },

  async 'a call that is cancelled already rejects, and its job never runs'(use) {
    await use({ size: 1 }, async ({ executor, heavy }) => {
      const { text, onProgress } = new Reports();
      const aborted = heavy.wait.with({ signal: AbortSignal.abort(), onProgress })(10);
      expectError(await errorOf(aborted), CancelledError, 'a call whose signal is aborted');
      const task = createTask(({ signal }) => {
        task.cancel();
        return heavy.wait.with({ signal, onProgress })(10);
      });
      expectError(await errorOf(task), CancelledError, 'a call of a task that is cancelled');
      expectSame(await heavy.add(1, 2), 3, 'the next job');
      expectSame([text, executor.statistics().finished], ['', 1], 'what ran');
    });
  },

  async 'cancelling the task of submit() cancels its job, and so does its signal'(use) {
    await use({ size: 1, cancelGrace: 10_000 }, async ({ executor, url }) => {
      const stop = new AbortController();
      for (const cancel of [(task: Task<unknown>) => task.cancel(), () => stop.abort()]) {
        const reports = new Reports();
        const { onProgress } = reports;
        const task = executor.submit(
          { module: url, name: 'wait', args: [60_000] },
          { signal: stop.signal, onProgress },
        );
        await until(() => reports.all.length > 0 || task.done());
        cancel(task);
        expectError(await errorOf(task), CancelledError, 'a cancelled task');
        expectSame([reports.text, executor.statistics().running], ['began, cleaned up', 0], 'its job');
      }
    });
  },

  async 'the time in the queue and the time it runs have timeouts of their own'(use) {
    await use({ size: 1, cancelGrace: 100 }, async ({ executor, heavy }) => {
      const { task: busy } = await running((options) => heavy.wait.with(options)(300));
      await expectTimeout(heavy.add.with({ queueTimeout: 20 })(1, 2), /add.*, no worker was free for 20 ms/);
      expectSame(await busy, 300, 'the job that it waited for');
      await expectTimeout(heavy.later.with({ timeout: 20, name: 'slow' })('', 60_000), /slow, it ran for 20 ms/);
      await expectTimeout(heavy.ignore.with({ timeout: 20 })(60_000), /it ran for 20 ms/);
      await expectTimeout(heavy.never.with({ timeout: 20 })(), /it ran for 20 ms/);
      expectSame(executor.statistics().terminated, 2, 'workers terminated');
      const expired = timeout(20, (t) => heavy.wait.with({ signal: t.signal })(60_000));
      expectError(await errorOf(expired), TimeoutError, 'a call inside of timeout()');
      expectSame(await heavy.add(1, 2), 3, 'the next job');
    });
  },

  async 'the queue is bounded: a job above maxQueue waits for room, or is refused'(use) {
    await use({ size: 1, maxQueue: 1, overflow: 'reject' }, async ({ heavy }) => {
      const { task } = await running((options) => heavy.wait.with(options)(100));
      const queued = heavy.later('queued', 1);
      expectError(await errorOf(heavy.add(1, 2)), QueueFull, 'a job above maxQueue');
      expectSame(await Promise.all([task, queued]), [100, 'queued'], 'the others');
    });
    await use({ size: 1, maxQueue: 1 }, async ({ executor, heavy }) => {
      await heavy.add(1, 1);
      const all = Array.from({ length: 5 }, (_, i) => heavy.later(String(i), 5));
      await sleep(0);
      expect(executor.statistics().queued <= 1, `${executor.statistics().queued} jobs wait`);
      const cancelled = started((options) => heavy.add.with(options)(1, 2));
      cancelled.cancel();
      expectError(await errorOf(cancelled), CancelledError, 'a call that waits for room');
      expectSame(await Promise.all(all), ['0', '1', '2', '3', '4'], 'the others');
    });
  },

  async 'a stream that is cancelled gives its place back when its generator has cleaned up'(use) {
    await use({ size: 1 }, async ({ executor, heavy }) => {
      // In the body of the loop, and at the wait for an item.
      for (const stopsAt of [10, Infinity]) {
        const reports = new Reports();
        let seen = 0;
        const task = createTask(async ({ signal }) => {
          for await (const item of heavy.slowCount.with({ signal, onProgress: reports.onProgress })(1000)) {
            seen = item;
            if (item === stopsAt) await sleep(60_000, undefined, { signal });
          }
        });
        await until(() => seen >= 10 || task.done());
        task.cancel();
        expectError(await errorOf(task), CancelledError, 'a cancelled loop');
        expectSame(executor.statistics().running, 0, 'jobs that run afterwards');
        expectSame(reports.all, ['cleaned up'], 'what the generator reported');
      }
      // At the wait for an item that never comes.
      let seen = 0;
      const task = createTask(async ({ signal }) => {
        for await (const item of heavy.stops.with({ signal })()) seen = item;
      });
      await until(() => seen === 2 || task.done());
      task.cancel();
      expectError(await errorOf(task), CancelledError, 'a cancelled wait for an item');
      expectSame(executor.statistics().running, 0, 'jobs that run after it');
      expectSame(await heavy.add(1, 2), 3, 'the next job');
    });
  },

  async 'the end of a scope ends the streams that it has left'(use) {
    await use({ size: 1 }, async ({ executor, heavy }) => {
      await createTask(async ({ signal }) => {
        heavy.count.with({ signal })(1_000_000)[Symbol.asyncIterator](); // never iterated
        await sleep(20);
      });
      await until(() => executor.statistics().running === 0);
      expectSame(await heavy.add(1, 2), 3, 'the next job');
    });
  },

  async 'a call is a wait of its task, on its job'(use) {
    await use({ size: 1 }, async ({ heavy }) => {
      const { task } = await running((options) => heavy.wait.with(options)(50));
      const waits = waitsOf(task).map(({ kind, resource }) => `${kind} ${String(resource)}`);
      expect(waits.length === 1 && /^executor\.call <Job ".*wait.*" running>$/.test(waits.join()), waits.join());
      await task;
    });
  },

  async 'shutdown cancels what is left after the grace, and tells what happened'(use) {
    await use({ size: 1, cancelGrace: 20 }, async ({ executor, heavy }) => {
      const { task: blocked } = await running((options) => heavy.ignore.with(options)(60_000));
      const outcomes = Promise.allSettled([blocked, heavy.add(1, 2)]);
      const report = await executor.shutdown({ grace: 50 });
      expectSame(report, { finished: 0, cancelled: 2, terminated: 1 }, 'the report');
      const rejected = (await outcomes).filter(({ status }) => status === 'rejected').length;
      expectSame(rejected, 2, 'calls that reject');
    });
  },

  async 'in a storm of cancels and lost workers every other job ends well, and every cleanup runs'(use) {
    await use({ size: 3, cancelGrace: 10_000 }, async (subject) => {
      const random = seededRandom(SEED);
      const jobs = Array.from({ length: STORM }, (_, n) =>
        n % 20 === 10 ? losesItsWorker(subject) : stormJob(subject, random),
      );
      for (const outcome of await Promise.all(jobs)) if (outcome !== undefined) throw new Error(outcome);
      const { running: left, queued, terminated } = subject.executor.statistics();
      expectSame({ left, queued, terminated }, { left: 0, queued: 0, terminated: 0 }, 'figures');
    });
  },
};

type Call = (options: JobOptions) => Promise<unknown>;

/** Starts a call as a task, with the signal of that task. */
function started(call: Call): Task<unknown> {
  const task = createTask(({ signal }) => call({ signal }), { eager: true });
  task.markHandled(); // a check that fails before it awaits this task has its own error
  return task;
}

/** Starts a call as a task, and waits until its job has begun. */
async function running(call: Call): Promise<{ task: Task<unknown>; reports: Reports }> {
  const reports = new Reports();
  const task = started((options) => call({ ...options, onProgress: reports.onProgress }));
  await until(() => reports.all.length > 0 || task.done());
  return { task, reports };
}

/** A job that ends its worker. Resolves to what went wrong. */
async function losesItsWorker({ heavy, atLeastOnce }: Subject): Promise<string | undefined> {
  if (atLeastOnce) {
    const attempt = await heavy.throwOutsideOnce();
    return attempt > 1 ? undefined : `a job whose worker has ended was not run again`;
  }
  const error = await errorOf(heavy.throwOutside());
  return error instanceof WorkerLostError ? undefined : `a job whose worker has ended: ${messageOf(error)}`;
}

/** One job of the storm, of which a third is cancelled. Resolves to what went wrong. */
async function stormJob({ heavy }: Subject, random: () => number): Promise<string | undefined> {
  const isSync = random() < 0.5 && SEES_CANCELS;
  const ms = 1 + Math.floor(random() * 5);
  const isCancelled = random() < 1 / 3;
  const { all, onProgress } = new Reports();
  const task = started(({ signal }) => heavy[isSync ? 'spin' : 'wait'].with({ signal, onProgress })(ms));
  if (isCancelled) {
    await sleep(random() * 100);
    task.cancel();
  }
  const error = await errorOf(task);
  if (error === undefined ? all.join() !== 'began,cleaned up' : all.length === 1) {
    return `a job of ${ms} ms has reported ${JSON.stringify(all)}`;
  }
  if (error === undefined || (isCancelled && error instanceof CancelledError)) return undefined;
  return `a job was harmed: ${messageOf(error)}`;
}

async function expectTimeout(call: Promise<unknown>, text: RegExp): Promise<void> {
  const error = await errorOf(call);
  expectError(error, TimeoutError, 'a call over its time');
  expect(text.test(messageOf(error)), `the error does not say ${text}: ${messageOf(error)}`);
}
