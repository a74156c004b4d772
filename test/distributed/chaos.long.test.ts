// Machines that are killed, stopped and started, and a Redis that is killed and started, at random, from a seed that is
// printed. At the end every job that was accepted is done, no two of its runs have the same attempt, every caller has its
// result, and those that were cancelled have stopped.
import assert from 'node:assert/strict';
import { CancelledError, createTask, sleep, type Task } from 'maitre';
import { BullExecutor } from 'maitre/distributed';
import { seededRandom } from 'maitre/testing';
import type { Program } from '../support/program.js';
import { noRedis, RedisServer } from '../support/redis.js';
import { test } from '../support/test.js';
import type * as jobs from './fixtures/ledger.js';
import { Ledger } from './ledger.js';
import { durable, newPrefix, startMachine } from './machines.js';

const seed = Number(process.env['MAITRE_SEED'] ?? Math.floor(Math.random() * 1e9));
const MACHINES = 3;
const JOBS = 600;
const FAULTS = 25;
const modules = { ledger: import.meta.resolve('./fixtures/ledger.js') };

test(`chaos among machines and Redis loses no job (MAITRE_SEED=${seed})`, chaos, {
  timeout: 240_000,
  skip: noRedis,
});

async function chaos(): Promise<void> {
  const random = seededRandom(seed);
  const prefix = newPrefix();
  using book = new Ledger();
  await using redis = await RedisServer.start(durable);
  const start = (): Promise<Program> =>
    startMachine({
      redis: redis.url,
      prefix,
      modules,
      concurrency: 5,
      lock: 1000,
      stalledInterval: 500,
      maxLosses: 100,
    });
  const machines = await Promise.all(Array.from({ length: MACHINES }, start));
  await using executor = new BullExecutor({ redis: redis.url, prefix });
  const { work } = executor.module<typeof jobs>('ledger');
  try {
    await work(book.file, 'first', 1); // a first call that finds no Redis says so at once
    const ids = Array.from({ length: JOBS }, (_, n) => `job-${n}`);
    const cancelled = new Set(ids.filter(() => random() < 0.1));
    const calls = ids.map((id) =>
      createTask(() => work(book.file, id, 5 + Math.floor(random() * 200)), { eager: true }),
    );
    const waiting = createTask(() => settle(ids, calls), { eager: true });
    const cancels = createTask(() => cancelSome(calls, ids, cancelled, random), { eager: true });
    for (let fault = 0; fault < FAULTS && !waiting.done(); fault++) {
      await sleep(random() * 300);
      await doHarm(random, machines, start, redis);
    }
    await cancels;
    const outcomes = await waiting;
    const done = ids.filter((id) => outcomes.get(id) === 'done');
    book.checkAll(done);
    for (const id of ids) {
      const outcome = outcomes.get(id);
      assert.ok(outcome === 'done' || (outcome === 'cancelled' && cancelled.has(id)), `${id}: ${String(outcome)}`);
    }
    const { queued, running } = executor.statistics();
    assert.deepEqual({ queued, running }, { queued: 0, running: 0 });
  } finally {
    await Promise.all(machines.map((each) => each[Symbol.asyncDispose]()));
  }
}

/** Kills and replaces a machine, lets one stand still for a while, or kills and starts Redis. */
async function doHarm(
  random: () => number,
  machines: Program[],
  start: () => Promise<Program>,
  redis: RedisServer,
): Promise<void> {
  const n = Math.floor(random() * machines.length);
  const victim = machines[n] as Program; // there are that many
  const kind = random();
  if (kind < 0.5) {
    victim.signal('SIGKILL');
    await victim.ended();
    machines[n] = await start();
  } else if (kind < 0.8) {
    victim.signal('SIGSTOP');
    await sleep(500 + random() * 2000);
    victim.signal('SIGCONT');
  } else {
    await redis.kill();
    await sleep(random() * 300);
    await redis.start();
  }
}

async function cancelSome(
  calls: readonly Task<unknown>[],
  ids: readonly string[],
  cancelled: ReadonlySet<string>,
  random: () => number,
): Promise<void> {
  for (const [n, id] of ids.entries()) {
    if (!cancelled.has(id)) continue;
    await sleep(random() * 200);
    calls[n]?.cancel();
  }
}

/** How each call ended: `done`, `cancelled`, or its error. */
async function settle(ids: readonly string[], calls: readonly Task<unknown>[]): Promise<Map<string, unknown>> {
  const outcomes = new Map<string, unknown>();
  await Promise.all(
    calls.map(async (call, n) => {
      const outcome = await call.then(
        () => 'done',
        (error: unknown) => (error instanceof CancelledError ? 'cancelled' : error),
      );
      outcomes.set(ids[n] as string, outcome); // there are as many
    }),
  );
  return outcomes;
}
