// What a worker tells its supervisor of its named things.
import assert from 'node:assert/strict';
import { Broadcast, CapacityLimiter, Lock, Queue, rateLimit, Semaphore } from 'maitre';
import { tellNames } from '#src/workers/named-here.js';
import type { NamedThing } from '#src/workers/repeated-names.js';
import { WorkerBroadcast } from '#src/workers/worker-broadcast.js';
import { until } from '../net/sockets.js';
import { test } from '../support/test.js';

test('named broadcasts, locks and limits are told, each once; others and those without a name are not', async () => {
  const told: string[] = [];
  const has = (): string[] => told.filter((each) => each.endsWith('of this test')).sort();
  const name = (what: string): { name: string } => ({ name: `${what} of this test` });
  const before = [new Broadcast(name('a')), new Lock(name('b')), new Lock(), new Queue(1, name('c'))];
  const shared = new WorkerBroadcast(name('d'));
  using _ = tellNames((_channel, body) => {
    for (const { kind, name: of } of body as NamedThing[]) told.push(`${kind} ${of}`);
  });
  assert.deepEqual(has(), ['broadcast a of this test', 'lock b of this test']);
  const after = [new Semaphore(1, name('e')), new CapacityLimiter(1, name('f')), rateLimit(1, 1000, name('g'))];
  await until(() => has().length === 5);
  assert.deepEqual(has(), [
    'broadcast a of this test',
    'capacity limiter f of this test',
    'lock b of this test',
    'rate limiter g of this test',
    'semaphore e of this test',
  ]);
  assert.equal(before.length + after.length, 7);
  shared.close();
});
