import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  createTask,
  currentTask,
  Event,
  gather,
  Lock,
  sleep,
  type StreamReader,
  type Task,
  TaskGroup,
  timeout,
} from 'maitre';
import { allTasksBlocked, serveInMemory } from 'maitre/testing';
import { BALLS, buffersOf, clientsOf, IN_LINE, Sampler, takeSnapshot, VisitCounter } from '#src/introspect/index.js';
import { collectGarbage } from '../support/garbage.js';
import { fakeTest, test } from '../support/test.js';

/** The balls of a sample, by the name of the table. */
function ballsOf(sampler: Sampler, names: Map<number, string>): Record<string, string> {
  const { tables, news } = sampler.take();
  for (const { id, name } of news) names.set(id, name);
  return Object.fromEntries([...tables.id].map((id, i) => [names.get(id), BALLS[tables.ball[i] ?? -1]]));
}

async function end(...tasks: Task<unknown>[]): Promise<void> {
  for (const task of tasks) task.cancel();
  await Promise.allSettled(tasks);
}

test('in a program without servers, the tables are the tasks', async () => {
  const lock = new Lock({ name: 'db' });
  await lock.acquire();
  const a = createTask(() => sleep(Infinity), { name: 'a' });
  const b = createTask(() => lock.acquire(), { name: 'b' });
  let letGo = (): void => {};
  const c = createTask(() => new Promise<void>((resolve) => (letGo = resolve)), { name: 'c' });
  await sleep(0);
  await sleep(0);
  const sample = new Sampler().take(true);
  assert.ok(sample.fresh);
  assert.equal(sample.of, 'tasks');
  const { a: ofA, b: ofB, c: ofC } = ballsOf(new Sampler(), new Map());
  assert.deepEqual([ofA, ofB, ofC], ['clock', 'other', 'unseen']);
  const at = sample.tables.id.indexOf(b.id);
  assert.deepEqual(sample.resources, [{ key: `lock:${lock.id}`, kind: 'lock', label: 'lock "db"' }]);
  assert.equal(sample.tables.resource[at], 0);
  lock.release();
  letGo(); // nobody else can end it
  await end(a, b, c);
});

fakeTest('in a program that serves, the tables are its clients, those in line included', async () => {
  await using served = serveInMemory(
    async (reader) => {
      for await (const _ of reader);
    },
    { concurrency: 1 },
  );
  const first = await served.connect();
  const second = await served.connect();
  await allTasksBlocked();
  const sampler = new Sampler();
  const sample = sampler.take();
  assert.equal(sample.of, 'clients');
  assert.deepEqual([...sample.tables.flags], [0, IN_LINE]);
  assert.deepEqual(
    [...sample.tables.ball].map((ball) => BALLS[ball]),
    ['read', 'unseen'],
  );
  assert.deepEqual(
    sample.outside.map(({ inLine, parked, backlog }) => [inLine, parked, backlog]),
    [[1, 0, null]],
  );
  assert.equal(sample.news.length, 2);
  assert.equal(sample.news[1]?.task, null);
  await first.close();
  await allTasksBlocked();
  const next = sampler.take();
  assert.equal(next.fresh, false);
  assert.deepEqual(
    next.news.map(({ id, task }) => [id, task === null]),
    [[sample.tables.id[1], false]],
    'it has a task now',
  );
  await second.close();
});

fakeTest('a name that changes is news', async () => {
  const task = createTask(() => sleep(Infinity), { name: 'nameless' });
  await allTasksBlocked();
  const sampler = new Sampler();
  sampler.take();
  task.name = 'ada';
  assert.deepEqual(
    sampler.take().news.map(({ name }) => name),
    ['ada'],
  );
  assert.deepEqual(sampler.take().news, []);
  await end(task);
});

test('visits are counted while somebody looks, and those shown are some of them', async () => {
  let passes = 0;
  const busy = createTask(
    async () => {
      for (; passes < 100; passes++) await sleep(0);
      await sleep(Infinity);
    },
    { name: 'busy' },
  );
  while (passes < 10) await sleep(0);
  const before = passes;
  using visits = new VisitCounter(() => 0);
  const sampler = new Sampler(visits);
  while (passes < 100) await sleep(0);
  await sleep(0);
  const { tables, shown } = sampler.take();
  const at = tables.id.indexOf(busy.id);
  const counted = tables.visits[at] ?? 0;
  assert.ok(counted <= 100 - before + 1 && counted >= 100 - before - 1, `${counted} of ${100 - before}`);
  const mine = shown.filter(({ table }) => table === busy.id);
  assert.ok(shown.length <= 16 && mine.length > 0);
  assert.deepEqual(sampler.take().shown, [], 'each once');
  await end(busy);
});

test('the buffers of a sample can be moved to another thread', async () => {
  const task = createTask(() => sleep(Infinity));
  await sleep(0);
  const { tables } = new Sampler().take();
  const moved = structuredClone(tables, { transfer: buffersOf(tables) });
  assert.ok(moved.id.includes(task.id));
  assert.equal(tables.id.length, 0);
  await end(task);
});

test(
  'a stream of samples forgets the tables that are gone',
  async () => {
    const sampler = new Sampler();
    const ended: WeakRef<object>[] = [];
    const keeper = createTask(() => sleep(Infinity), { name: 'keeper' });
    // A stream keeps up to a thousand, and then drops all that are gone.
    const live = async (): Promise<void> => {
      const tasks = Array.from({ length: 400 }, () => createTask(() => sleep(Infinity)));
      await sleep(0);
      assert.equal(sampler.take().news.length, tasks.length + (ended.length === 0 ? 1 : 0));
      await end(...tasks);
      for (const task of tasks) ended.push(new WeakRef(task));
    };
    for (let i = 0; i < 10; i++) await live();
    for (let i = 0; i < 3; i++) assert.deepEqual(sampler.take().news, []);
    await sleep(0); // a WeakRef holds its target until the turn is over
    collectGarbage?.();
    const kept = ended.filter((each) => each.deref() !== undefined).length;
    assert.ok(kept < 2000, `${kept} of ${ended.length} tasks are kept`);
    assert.equal(sampler.take().tables.version.at(-1), 1, 'the keeper is known as before');
    await end(keeper);
  },
  { skip: collectGarbage === undefined && 'no garbage collector to call' },
);

/** What a handler does: it waits for one thing, or for others that do so in its name. */
type Work = 'read' | 'lock' | 'event' | 'clock' | { readonly by: string; readonly parts: readonly Work[] };

const { work } = fc.letrec<{ work: Work }>((tie) => ({
  work: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Work>('read', 'lock', 'event', 'clock'),
    fc.record({
      by: fc.constantFrom('group', 'gather', 'task', 'timeout'),
      parts: fc.array(tie('work'), { minLength: 1, maxLength: 3 }),
    }),
  ),
}));

fakeTest('a sample says of each client what a snapshot says, however deep its handler waits', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(work, { minLength: 1, maxLength: 3 }), async (works) => {
      const lock = new Lock();
      await lock.acquire();
      const event = new Event();
      const perform = async (at: Work, reader: StreamReader): Promise<void> => {
        if (at === 'read') await reader.read();
        else if (at === 'lock') await lock.acquire();
        else if (at === 'event') await event.wait();
        else if (at === 'clock') await sleep(Infinity);
        else {
          const [first = 'clock'] = at.parts;
          const one = (part: Work) => () => perform(part, reader);
          if (at.by === 'task') await createTask(one(first));
          else if (at.by === 'timeout') await timeout(Infinity, one(first));
          else if (at.by === 'gather') await gather(at.parts.map((part) => createTask(one(part))));
          else
            await TaskGroup.run((group) => {
              for (const part of at.parts) group.createTask(one(part));
            });
        }
      };
      // Only one may read from a connection at a time.
      const once = (at: Work, left: { reads: number }): Work => {
        if (typeof at === 'object') return { ...at, parts: at.parts.map((part) => once(part, left)) };
        return at === 'read' && left.reads-- <= 0 ? 'clock' : at;
      };
      let next = 0;
      const handlers: ReturnType<typeof currentTask>[] = [];
      await using served = serveInMemory((reader) => {
        const at = works[next++] ?? 'clock';
        handlers.push(currentTask());
        return perform(once(at, { reads: 1 }), reader);
      });
      const clients = [];
      for (const _ of works) clients.push(await served.connect());
      await allTasksBlocked();
      const { tables } = new Sampler().take();
      const sampled = [...tables.id].map((id, i) => [id, BALLS[tables.ball[i] ?? -1], tables.since[i]]);
      const listed = clientsOf(takeSnapshot()).map(({ id, ball, since }) => [id, ball, since ?? 0]);
      const byId = (a: unknown[], b: unknown[]) => Number(a[0]) - Number(b[0]);
      assert.deepEqual(sampled.sort(byId), listed.sort(byId));
      for (const handler of handlers) handler?.cancel();
      for (const client of clients) await client.close();
    }),
    { numRuns: 60 },
  );
});
