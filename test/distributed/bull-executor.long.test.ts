// BullExecutor against a real Redis, with machines that are processes: every promise of an Executor, and its own.
import type { ExecutorOptions } from 'maitre/executors';
import { executorChecks } from 'maitre/testing';
import { noRedis, RedisServer } from '../support/redis.js';
import { test } from '../support/test.js';
import { newPrefix, startMachine, WithMachine } from './machines.js';

const redis = await RedisServer.shared();
const checkJobs = import.meta.resolve('#src/executors/check/jobs.js');

/** An executor with a machine whose jobs are threads: these can be terminated. */
async function make({ size = 1, cancelGrace, ...rest }: ExecutorOptions): Promise<WithMachine> {
  const prefix = newPrefix();
  const { cancel, maxQueue, overflow, name } = rest;
  const machine = await startMachine({
    redis: redis.url,
    prefix,
    modules: { jobs: checkJobs },
    concurrency: size,
    isolation: 'threads',
    closedFunctions: true,
    ...(cancelGrace !== undefined && { cancelGrace }),
  });
  return new WithMachine({ redis: redis.url, prefix, cancel, maxQueue, overflow, name }, machine);
}

for (const { name, run } of executorChecks(make, { atLeastOnce: true }))
  test(`threads of another machine: ${name}`, run, { timeout: 50_000, skip: noRedis });
