// Faults of the machines around a queue, with real processes: what was accepted is done, nothing hangs, duplicates carry
// their attempt, and the caller can tell what happened.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { ConnectionLostError, createTask } from 'maitre';
import { BullExecutor } from 'maitre/distributed';
import { Program } from '../support/program.js';
import { noRedis, RedisServer } from '../support/redis.js';
import { SilentWire } from './silent-wire.js';
import { test } from '../support/test.js';
import type * as ledger from './fixtures/ledger.js';
import { Ledger } from './ledger.js';
import { durable, newPrefix, startMachine, type MachineOptions } from './machines.js';

const redis = await RedisServer.shared();
const modules = { ledger: import.meta.resolve('./fixtures/ledger.js') };
/** Milliseconds: a lost worker is noticed soon. */
const [lock, stalledInterval] = [1000, 500];
const options = { timeout: 60_000, skip: noRedis };

const machine = (prefix: string, more: Partial<MachineOptions> = {}): Promise<Program> =>
  startMachine({ redis: redis.url, prefix, modules, lock, stalledInterval, ...more });

test(
  'a job whose machine is killed runs again on another one, and its caller gets the result of that',
  async () => {
    const prefix = newPrefix();
    using book = new Ledger();
    await using executor = new BullExecutor({ redis: redis.url, prefix });
    await using first = await machine(prefix);
    const attempts: number[] = [];
    const { slowOnce } = executor.module<typeof ledger>('ledger');
    const call = slowOnce.with({ onAttempt: (n) => void attempts.push(n) });
    const job = createTask(() => call(book.file, 'soup', 600_000), { eager: true });
    await book.until(() => book.lines.length === 1);
    first.signal('SIGKILL');
    await using _ = await machine(prefix);
    assert.equal(await job, 2);
    assert.deepEqual(attempts, [1, 2]);
    assert.deepEqual(book.attempts('began', 'soup'), [1, 2]);
    assert.equal(executor.statistics().lost, 1);
  },
  options,
);

test(
  'a job that takes machine after machine with it is given up, and the error says so',
  async () => {
    const prefix = newPrefix();
    await using executor = new BullExecutor({ redis: redis.url, prefix });
    const fatal = { modules: { jobs: import.meta.resolve('#src/executors/check/jobs.js') }, maxLosses: 1 };
    const machines = await Promise.all([1, 2, 3].map(() => machine(prefix, fatal)));
    try {
      const { throwOutside } = executor.module<{ throwOutside(): Promise<never> }>('jobs');
      await assert.rejects(throwOutside(), {
        name: 'WorkerLostError',
        message:
          /^The worker of throwOutside of jobs was lost, \d times in all: job stalled more than allowable limit$/,
      });
      assert.equal((await executor.deadJobs()).length, 1);
    } finally {
      await Promise.all(machines.map((each) => each[Symbol.asyncDispose]()));
    }
  },
  options,
);

test(
  'a machine that stands still for longer than its lock loses its job, and what it says later is refused',
  async () => {
    const prefix = newPrefix();
    using book = new Ledger();
    await using executor = new BullExecutor({ redis: redis.url, prefix });
    await using first = await machine(prefix);
    const { slowOnce, work } = executor.module<typeof ledger>('ledger');
    const job = createTask(() => slowOnce.with({ key: 'soup' })(book.file, 'soup', 1500), { eager: true });
    await book.until(() => book.lines.length === 1);
    first.signal('SIGSTOP');
    const second = await machine(prefix);
    assert.equal(await job, 2);
    await second[Symbol.asyncDispose]();
    first.signal('SIGCONT');
    // The first one finishes its attempt as well: two machines have done one job.
    await book.until(() => book.attempts('done', 'soup').length === 2);
    assert.deepEqual(book.attempts('done', 'soup'), [2, 1]);
    // Its outcome changes nothing, and it works on.
    assert.equal(await slowOnce.with({ key: 'soup' })(book.file, 'soup', 1), 2);
    assert.equal(await work(book.file, 'next', 1), 1);
  },
  options,
);

test(
  'a machine that is cut off from Redis loses its job, and serves again when the wire is mended',
  async () => {
    const prefix = newPrefix();
    using book = new Ledger();
    await using proxy = await SilentWire.start(redis.port);
    await using executor = new BullExecutor({ redis: redis.url, prefix });
    await using _ = await machine(prefix, { redis: `redis://127.0.0.1:${proxy.port}` });
    const { slowOnce, work } = executor.module<typeof ledger>('ledger');
    const job = createTask(() => slowOnce(book.file, 'soup', 3000), { eager: true });
    await book.until(() => book.lines.length === 1);
    proxy.cut();
    const second = await machine(prefix);
    assert.equal(await job, 2);
    await second[Symbol.asyncDispose]();
    proxy.mend();
    assert.equal(await work(book.file, 'next', 1), 1);
    book.checkAll(['soup', 'next']);
  },
  options,
);

test(
  'a caller that is cut off from Redis is told within a bounded time, and gets the result later by its key',
  async () => {
    const prefix = newPrefix();
    using book = new Ledger();
    await using proxy = await SilentWire.start(redis.port);
    await using _ = await machine(prefix);
    await using executor = new BullExecutor({
      redis: `redis://127.0.0.1:${proxy.port}`,
      prefix,
      offlineTimeout: 1000,
    });
    const { work } = executor.module<typeof ledger>('ledger');
    const call = work.with({ key: 'soup' });
    const job = createTask(() => call(book.file, 'soup', 500), { eager: true });
    await book.until(() => book.lines.length === 1);
    proxy.cut();
    await assert.rejects(job, (error) => {
      assert.ok(error instanceof ConnectionLostError);
      assert.match(error.message, /^The outcome of work of ledger is not known: Redis has been away for 1000 ms/);
      return true;
    });
    proxy.mend();
    assert.equal(await call(book.file, 'soup', 500), 1);
    assert.deepEqual(book.attempts('done', 'soup'), [1]);
  },
  options,
);

test(
  'Redis is killed under load and started again: every call ends well, and nothing accepted is lost',
  async () => {
    const prefix = newPrefix();
    using book = new Ledger();
    await using own = await RedisServer.start(durable);
    await using executor = new BullExecutor({ redis: own.url, prefix });
    const more = { redis: own.url, concurrency: 5, lock: 5000 };
    await using _ = await machine(prefix, more);
    await using __ = await machine(prefix, more);
    const { work } = executor.module<typeof ledger>('ledger');
    const ids = Array.from({ length: 400 }, (___, n) => `job-${n}`);
    const calls = createTask(() => Promise.all(ids.map((id) => work(book.file, id, 10))), { eager: true });
    for (const part of [50, 150, 250]) {
      await book.until(() => book.lines.length >= part);
      await own.kill();
      await own.start();
    }
    const attempts = await calls;
    assert.equal(attempts.length, ids.length);
    book.checkAll(ids);
  },
  options,
);

test(
  'a caller is killed: what Redis has accepted from it is done',
  async () => {
    const prefix = newPrefix();
    using book = new Ledger();
    const program = fileURLToPath(new URL('./fixtures/enqueue-many.js', import.meta.url));
    await using caller = new Program([program, redis.url, prefix, book.file]);
    await using _ = await machine(prefix, { concurrency: 5 });
    await caller.sees(/accepted job-100\n/);
    caller.signal('SIGKILL');
    const { stdout } = await caller.ended();
    const accepted = [...stdout.matchAll(/accepted (job-\d+)\n/g)].map(([, id = '']) => id);
    assert.ok(accepted.length > 100);
    const left = new Set(accepted);
    await book.until(() => {
      for (const { what, id } of book.lines) if (what === 'done') left.delete(id);
      return left.size === 0;
    });
    book.checkAll(accepted);
  },
  options,
);
