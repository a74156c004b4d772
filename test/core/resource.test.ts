import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  Barrier,
  BoundedSemaphore,
  broadcast,
  CapacityLimiter,
  channel,
  Condition,
  createDatagramEndpoint,
  createTask,
  Event,
  LifoQueue,
  Lock,
  openConnection,
  PriorityQueue,
  Queue,
  rateLimit,
  Semaphore,
  sleep,
  startServer,
} from 'maitre';
import { Resource } from 'maitre/lowlevel';
import { nextTurn, test } from '../support/test.js';

/** How often it is among the live ones. */
function countLive(resource: unknown): number {
  return [...Resource.live].filter((each) => each === resource).length;
}

test('every primitive takes a name, is live by it, and has figures', () => {
  const name = 'n';
  const primitives = {
    Lock: new Lock({ name }),
    Event: new Event({ name }),
    Condition: new Condition(undefined, { name }),
    Semaphore: new Semaphore(1, { name }),
    BoundedSemaphore: new BoundedSemaphore(1, { name }),
    CapacityLimiter: new CapacityLimiter(1, { name }),
    Barrier: new Barrier(2, { name }),
    Queue: new Queue(0, { name }),
    LifoQueue: new LifoQueue(0, { name }),
    PriorityQueue: new PriorityQueue(0, { name }),
    Broadcast: broadcast({ name }),
    rateLimit: rateLimit(1, 10, { name }),
  };
  for (const [kind, primitive] of Object.entries(primitives)) {
    assert.equal(primitive.name, 'n', kind);
    assert.ok(Object.keys(primitive.statistics()).length > 0, kind);
    assert.equal(countLive(primitive), 1, kind);
    assert.ok(primitive.id >= 1, kind);
  }
  const [sender, receiver] = channel(0, { name });
  using subscription = primitives.Broadcast.subscribe();
  for (const each of [sender, receiver, subscription]) assert.ok(Object.keys(each.statistics()).length > 0);
  primitives.Broadcast.close();
});

test('what has no name is live while it is held or waited for, once, and not before or after', async () => {
  const lock = new Lock();
  assert.equal(countLive(lock), 0);
  const hold = await lock.acquire();
  const task = createTask(() => lock.acquire());
  await nextTurn();
  assert.equal(countLive(lock), 1); // held and waited for
  hold[Symbol.dispose]();
  await task;
  lock.release();
  assert.equal(countLive(lock), 0);
  for (const semaphore of [new Semaphore(1), new CapacityLimiter(1)]) {
    using _ = await semaphore.acquire();
    assert.equal(countLive(semaphore), 1);
  }
  const event = new Event();
  const waiter = createTask(() => event.wait());
  await nextTurn();
  assert.equal(countLive(event), 1);
  event.set();
  await waiter;
  assert.equal(countLive(event), 0);
});

test('servers, connections and endpoints are live from open to close, found by who comes late', async () => {
  const server = await startServer(() => sleep(Infinity), { host: '127.0.0.1', port: 0 });
  const { port } = server.addresses[0] as { port: number }; // it listens on one address
  const connection = await openConnection({ host: '127.0.0.1', port });
  const endpoint = await createDatagramEndpoint({ local: { host: '127.0.0.1', port: 0 } });
  while (server.connections.size === 0) await nextTurn();
  const accepted = [...server.connections][0];
  for (const each of [server, connection, accepted, endpoint]) assert.equal(countLive(each), 1);
  connection.abort();
  endpoint.close();
  await endpoint.waitClosed();
  await server.shutdown({ grace: 0 });
  await connection.close();
  for (const each of [server, connection, accepted, endpoint]) assert.equal(countLive(each), 0);
});

test(
  'a name does not keep a primitive alive',
  () => {
    const door = new URL('../../../dist/', import.meta.url).href;
    const program = `
      import { Lock } from '${door}index.node.js';
      import { Resource } from '${door}lowlevel.js';
      for (let i = 0; i < 1000; i++) new Lock({ name: 'leaky' });
      await new Promise((resolve) => setTimeout(resolve, 10)); // a WeakRef holds until its turn is over
      gc();
      console.log([...Resource.live].length);`;
    const args = ['--expose-gc', '--input-type=module', '-e', program];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 15_000 });
    assert.ok(stdout !== '' && Number(stdout) < 10, stdout + stderr);
  },
  { skip: ('Deno' in globalThis || 'Bun' in globalThis) && 'node has the flag' },
);

test('the name of a primitive is text, or nothing', () => {
  assert.throws(() => new Queue(1, { name: 5 as never }), {
    name: 'TypeError',
    message: 'Cannot create queue: name must be text, got 5',
  });
  assert.equal(new Lock({ name: undefined }).name, undefined);
});
