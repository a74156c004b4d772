// What is read from Redis may come from anybody, so nothing there may end a program, or a wait without an error.
import assert from 'node:assert/strict';
import { Queue, Worker } from 'bullmq';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { BullExecutor, worker } from 'maitre/distributed';
import { closeRedis } from '#src/distributed/connect.js';
import { readControl, readEntries, readJobData, readMachine, readOutcome } from '#src/distributed/read-remote.js';
import { noRedis, RedisServer } from '../support/redis.js';
import { test } from '../support/test.js';
import { newPrefix } from './machines.js';

const redis = await RedisServer.shared();
const kitchen = { cook: (dish: string): string => `${dish} is ready` };
type Kitchen = typeof kitchen;

/** A worker of BullMQ without maitre. */
async function plainWorker(prefix: string, work: () => Promise<unknown>): Promise<AsyncDisposable> {
  const plain = new Worker('jobs', work, { connection: { host: redis.host, port: redis.port }, prefix });
  plain.on('error', () => undefined);
  await plain.waitUntilReady();
  return { [Symbol.asyncDispose]: () => plain.close(true) };
}

test('whatever text is there is read as what it should be, or as nothing', () => {
  const texts = fc.oneof(fc.string(), fc.json());
  fc.assert(
    fc.property(texts, fc.jsonValue(), (text, value) => {
      for (const read of [readOutcome, readEntries, readControl, readMachine]) assert.equal(read(text), undefined);
      assert.equal(readJobData(value), undefined);
    }),
  );
  assert.deepEqual(readOutcome('{"attempt":1,"value":5}'), { attempt: 1, value: 5 });
  assert.deepEqual(readEntries('{"attempt":1,"entries":[["stream"]]}'), { attempt: 1, entries: [['stream']] });
  assert.equal(readEntries('{"attempt":1,"entries":[["items",0]]}'), undefined);
  assert.deepEqual(readControl('{"id":"a","type":"stop"}'), { id: 'a', type: 'stop' });
  assert.equal(readControl('{"id":"a","type":"cancel"}'), undefined);
});

for (const value of [42, null, undefined, 'soup', { attempt: 1, value: { $later: 1 } }])
  test(
    `a caller whose job another program has done with ${JSON.stringify(value)} is told`,
    async () => {
      const prefix = newPrefix();
      await using executor = new BullExecutor({ redis: redis.url, prefix });
      await using _ = await plainWorker(prefix, () => Promise.resolve(value));
      await assert.rejects(executor.module<Kitchen>('kitchen').cook('soup'), (error) => {
        assert.ok(error instanceof TypeError);
        assert.match(
          error.message,
          /^Cannot read the outcome of cook of kitchen: expected that of a worker of maitre, got .*; let no other program serve the queue "jobs"$|sent by a newer version of maitre$/,
        );
        return true;
      });
      assert.equal(executor.statistics().failed, 1);
    },
    { skip: noRedis },
  );

test(
  'a worker goes on after messages and jobs that are not of maitre, and says what is wrong with those',
  async () => {
    const prefix = newPrefix();
    await using _ = await worker({ redis: redis.url, prefix, modules: { kitchen } });
    await using executor = new BullExecutor({ redis: redis.url, prefix });
    const client = new Redis(redis.url);
    const queue = new Queue('jobs', { connection: client, prefix });
    try {
      for (const text of ['no JSON', 'null', '5', '{"id":5}', '{"id":"a","type":"cancel"}'])
        await client.publish(`${prefix}:cancel`, text);
      for (const data of [null, 5, {}, { fn: 'cook', module: 'kitchen', args: 'x', label: 'l' }])
        await queue.add('plain', data, { attempts: 3 });
      assert.equal(await executor.module<Kitchen>('kitchen').cook('soup'), 'soup is ready');
      await client.zadd(`${prefix}:jobs:maitre-machines`, Date.now() + 60_000, 'other');
      await client.hset(`${prefix}:jobs:maitre-states`, 'other', '{"id":"other"}', 'another', 'no JSON');
      assert.equal((await executor.machines()).length, 1);
      const dead = await executor.deadJobs();
      assert.equal(dead.length, 4);
      for (const { name, args, attempts, error } of dead) {
        assert.deepEqual({ name, args, attempts }, { name: 'plain', args: [], attempts: 1 });
        assert.match(
          String(error),
          /TypeError: Cannot run plain: its data are not those of a BullExecutor; let no other program add jobs to the queue$/,
        );
      }
    } finally {
      await queue.close();
      await closeRedis(client);
    }
  },
  { skip: noRedis },
);
