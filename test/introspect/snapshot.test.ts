// Snapshots: what they contain, that they only read, and that they are bounded.
import assert from 'node:assert/strict';
import {
  CapacityLimiter,
  createTask,
  gather,
  Lock,
  Queue,
  shield,
  sleep,
  type Task,
  TaskGroup,
  timeout,
  wait,
} from 'maitre';
import { addInstrument, Resource } from 'maitre/lowlevel';
import { memoryStreamPair, serveInMemory } from 'maitre/testing';
import { sampleSites, spawn } from '#src/core/index.js';
import {
  countSteps,
  groupsOf,
  History,
  Recorder,
  type ResourceRow,
  Sampler,
  type Snapshot,
  takeSnapshot,
  type TaskRow,
} from '#src/introspect/index.js';
import { nextTurn, test } from '../support/test.js';

const never = (): Promise<void> => sleep(Infinity);

function row(snapshot: Snapshot, name: string): TaskRow {
  const found = snapshot.tasks.find((task) => task.name === name);
  assert.ok(found, `no task ${name}`);
  return found;
}

function resource(snapshot: Snapshot, kind: string): ResourceRow {
  const found = snapshot.resources.find((each) => each.kind === kind);
  assert.ok(found, `no ${kind}`);
  return found;
}

async function end(...tasks: readonly Task<unknown>[]): Promise<void> {
  for (const task of tasks) task.cancel();
  await nextTurn();
  await nextTurn();
}

test('a snapshot says for what each task waits, on what and since when', async () => {
  const lock = new Lock({ name: 'ledger' });
  const queue = new Queue<number>();
  const owner = createTask(
    async () => {
      using _ = await lock.acquire();
      await never();
    },
    { name: 'owner', eager: true },
  );
  const waiter = createTask(() => lock.acquire(), { name: 'waiter', eager: true });
  const getter = createTask(() => queue.get(), { name: 'getter', eager: true });
  await nextTurn();
  const snapshot = takeSnapshot();
  const [sleeping] = row(snapshot, 'owner').waits;
  assert.deepEqual([sleeping?.kind, sleeping?.ball, sleeping?.resource], ['sleep', 'clock', undefined]);
  const [locked] = row(snapshot, 'waiter').waits;
  assert.deepEqual([locked?.kind, locked?.ball, locked?.place], ['lock.acquire', 'other', null]);
  assert.ok(locked !== undefined && locked.since <= snapshot.now && locked.since > snapshot.now - 1000);
  const lockRow = resource(snapshot, 'lock');
  assert.equal(locked.resource, lockRow.key);
  assert.equal(lockRow.label, 'lock "ledger"');
  assert.deepEqual(
    lockRow.holders?.map(({ task }) => task),
    [owner.id],
  );
  assert.equal(lockRow.statistics['owner'], 'Task "owner"');
  assert.equal(row(snapshot, 'getter').waits[0]?.resource, resource(snapshot, 'queue').key);
  assert.equal(row(snapshot, 'getter').state, 'waiting');
  assert.deepEqual(JSON.parse(JSON.stringify(snapshot)), snapshot);
  await end(waiter, owner, getter);
});

test('the wait of a reader and that of a writer lead to their connection', async () => {
  const [a, b] = memoryStreamPair();
  const reads = createTask(() => a.reader.readLine(), { name: 'reads', eager: true });
  const drains = createTask(
    () => {
      a.writer.write('x'.repeat(1_000_000));
      return a.writer.drain();
    },
    { name: 'drains', eager: true },
  );
  const snapshot = takeSnapshot();
  const [read] = row(snapshot, 'reads').waits;
  const [drain] = row(snapshot, 'drains').waits;
  assert.deepEqual([read?.ball, drain?.ball], ['read', 'drain']);
  assert.match(read?.resource ?? '', /^connection:\d+$/);
  assert.equal(read?.resource, drain?.resource);
  await end(reads, drains);
  for (const each of [a, b]) each.abort();
  for (const each of [a, b]) await each.writer.waitClosed();
});

test('tasks know who awaits them, and waits which tasks: await, gather, shield, wait and groups', async () => {
  const leaf = createTask(never, { name: 'leaf' });
  const other = createTask(never, { name: 'other' });
  const tasks = [
    createTask(async () => leaf, { name: 'awaits' }),
    createTask(async () => gather([leaf, other]), { name: 'gathers' }),
    createTask(async () => shield(leaf), { name: 'shields' }),
    createTask(async () => wait([leaf, other]), { name: 'waits' }),
    createTask(() => TaskGroup.run((group) => void group.createTask(never, { name: 'child' })), { name: 'groups' }),
  ];
  await nextTurn();
  await nextTurn();
  const snapshot = takeSnapshot();
  const id = (name: string): number => row(snapshot, name).id;
  const awaited = (name: string): readonly number[] | undefined => row(snapshot, name).waits[0]?.tasks;
  assert.deepEqual(row(snapshot, 'leaf').awaitedBy, ['awaits', 'gathers', 'shields', 'waits'].map(id));
  assert.deepEqual(row(snapshot, 'other').awaitedBy, ['gathers', 'waits'].map(id));
  assert.deepEqual(row(snapshot, 'child').awaitedBy, [id('groups')]);
  assert.deepEqual(awaited('awaits'), [id('leaf')]);
  assert.deepEqual(awaited('gathers'), [id('leaf'), id('other')]);
  assert.deepEqual(awaited('shields'), [id('leaf')]);
  assert.deepEqual(awaited('waits'), [id('leaf'), id('other')]);
  assert.deepEqual(awaited('groups'), [id('child')]);
  await end(...tasks, leaf, other);
});

test('a task that has started and has no wait of maitre is unseen', async () => {
  let done: () => void = () => undefined;
  const task = createTask(() => new Promise<void>((resolve) => (done = resolve)), { name: 'lost', eager: true });
  assert.equal(row(takeSnapshot(), 'lost').state, 'unseen');
  assert.equal(row(takeSnapshot({ current: task }), 'lost').state, 'running');
  assert.equal(takeSnapshot({ current: task }).current, task.id);
  done();
  await task;
});

test('steps, start and creator are counted while somebody counts, and null otherwise', async () => {
  createTask(never, { name: 'early', eager: true });
  assert.deepEqual([row(takeSnapshot(), 'early').steps, row(takeSnapshot(), 'early').startedAt], [null, null]);
  {
    using _ = countSteps();
    const late = createTask(
      async () => {
        createTask(never, { name: 'child', eager: true });
        await sleep(0);
        await sleep(0);
        await never();
      },
      { name: 'late' },
    );
    for (let i = 0; i < 12; i++) await nextTurn();
    const snapshot = takeSnapshot();
    assert.equal(row(snapshot, 'late').steps, 2);
    assert.ok(Math.abs((row(snapshot, 'late').startedAt ?? 0) - snapshot.now) < 1000);
    assert.equal(row(snapshot, 'child').creator, late.id);
    assert.equal(row(snapshot, 'early').steps, 0);
    await end(late);
  }
  const snapshot = takeSnapshot();
  assert.equal(row(snapshot, 'early').steps, null);
  for (const { name } of snapshot.tasks) if (name === 'child') assert.equal(row(snapshot, name).steps, null);
  await endAll(snapshot);
});

async function endAll(snapshot: Snapshot): Promise<void> {
  const { allTasks } = await import('maitre');
  const ids = new Set(snapshot.tasks.map(({ id }) => id));
  await end(...[...allTasks()].filter(({ id }) => ids.has(id)));
}

test('a sampled wait has its place and the functions around it; others of its function take it as a guess', async () => {
  sampleSites(1);
  // No function ends in a call: Bun's engine gives its frame to the function called.
  async function waitsForEver(): Promise<void> {
    await sleep(Infinity);
  }
  async function inner(): Promise<void> {
    await waitsForEver();
  }
  async function pour(): Promise<void> {
    await nextTurn();
    await inner();
  }
  const tasks: Task<void>[] = [];
  for (const name of ['known', 'guessed']) {
    tasks.push(createTask(() => pour(), { name })); // in one place
    await nextTurn();
    await nextTurn();
    sampleSites(0);
  }
  const snapshot = takeSnapshot();
  const [one] = row(snapshot, 'known').waits;
  const place = snapshot.places[one?.place ?? -1];
  assert.match(place?.text ?? '', /^snapshot\.test\.[jt]s:\d+$/);
  assert.equal(place?.function, 'waitsForEver');
  assert.deepEqual(
    one?.outer?.slice(0, 2).map((outer) => snapshot.places[outer]?.function),
    ['inner', 'pour'],
  );
  assert.equal(one?.guessed, undefined);
  const [two] = row(snapshot, 'guessed').waits;
  assert.deepEqual([two?.place, two?.guessed], [one?.place, true]);
  await end(...tasks);
});

test('a client is its connection with the task that serves it', async () => {
  const served = serveInMemory((reader) => reader.readLine());
  const client = await served.connect();
  await nextTurn();
  await nextTurn();
  const snapshot = takeSnapshot();
  const task = snapshot.tasks.find(({ serves }) => serves !== undefined);
  const connection = snapshot.resources.find(({ key }) => key === task?.serves);
  assert.equal(connection?.task, task?.id);
  assert.equal(connection?.parent, resource(snapshot, 'server').key);
  assert.ok(Math.abs((connection?.openedAt ?? 0) - snapshot.now) < 2000);
  assert.equal(task?.waits[0]?.resource, task?.serves);
  await client.close();
  await served.server.shutdown();
});

test('a snapshot is bounded, says what it omits, and always has the current task', async () => {
  const tasks = Array.from({ length: 30 }, (_, i) => createTask(never, { name: `t${i}`, eager: true }));
  const last = tasks[29] as Task<unknown>;
  const snapshot = takeSnapshot({ rows: 10, current: last });
  assert.equal(snapshot.tasks.length, 10);
  assert.equal(snapshot.omitted.tasks, takeSnapshot().tasks.length - 10);
  assert.ok(snapshot.tasks.some(({ name }) => name === 't29'));
  await end(...(tasks as Task<unknown>[]));
});

test('a snapshot survives resources and names that throw, and leaves out what cannot be read', async () => {
  class Rude extends Resource {
    get kind(): string {
      return 'rude';
    }
    statistics(): object {
      throw new Error('no');
    }
  }
  const rude = new Rude({ name: 'rude' });
  const limiter = new CapacityLimiter(Infinity, { name: 'wide' });
  const omitted = takeSnapshot();
  assert.equal(
    omitted.resources.some(({ kind }) => kind === 'rude'),
    false,
  );
  assert.equal(omitted.omitted.resources, 1);
  assert.equal(resource(omitted, 'capacity limiter').statistics['total'], 'Infinity');
  assert.ok(rude.name !== undefined && limiter.name !== undefined); // kept alive until here
});

test('in a blocked process it calls no code of the program', async () => {
  const calls = new Set<string>();
  class Loud extends Resource {
    get kind(): string {
      return 'loud';
    }
    statistics(): object {
      calls.add('statistics');
      return {};
    }
    override get label(): string {
      calls.add('label');
      return 'loud';
    }
  }
  const loud = new Loud({ name: 'loud' });
  const name = {
    get taskName(): string {
      calls.add('name');
      return 'computed';
    },
  };
  const task = spawn(never, { name, eager: true });
  const before = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace') ?? { value: undefined };
  Error.prepareStackTrace = (): string => {
    calls.add('prepareStackTrace');
    return '';
  };
  try {
    const snapshot = takeSnapshot({ interrupted: true });
    assert.deepEqual([...calls], []);
    assert.ok(snapshot.tasks.some((each) => each.name === `Task-${task.id}`));
    assert.equal(resource(snapshot, 'loud').label, 'loud');
    takeSnapshot();
    assert.ok(calls.has('name') && calls.has('statistics'));
  } finally {
    Object.defineProperty(Error, 'prepareStackTrace', before);
  }
  assert.ok(loud.name !== undefined);
  await end(task);
});

test('100,000 tasks: the snapshot stays bounded, and the groups of all of them are one line', async () => {
  const tasks = Array.from({ length: 100_000 }, () => createTask(never, { eager: true }) as Task<unknown>);
  const bounded = takeSnapshot();
  assert.equal(bounded.tasks.length, 20_000);
  assert.equal(bounded.omitted.tasks + bounded.tasks.length, takeSnapshot({ rows: Infinity }).tasks.length);
  assert.ok(JSON.stringify(bounded).length < 10_000_000);
  const groups = groupsOf(takeSnapshot({ rows: Infinity }));
  assert.ok(groups.some(({ count, kind }) => kind === 'sleep' && count >= 100_000));
  for (const task of tasks) task.cancel();
  while (tasks.some((task) => !task.done())) await nextTurn(); // a turn makes a thousand answers
});

test('chains and groups of any size do not break it: a thousand gathers inside each other, ten thousand children', async () => {
  const leaf = createTask(never, { name: 'leaf' });
  let work: Promise<unknown> = leaf;
  for (let i = 0; i < 1000; i++) work = gather([work]);
  work.catch(() => undefined);
  const owner = createTask(
    () =>
      TaskGroup.run((group) => {
        for (let i = 0; i < 10_000; i++) group.createTask(never, { eager: true });
      }),
    { name: 'owner', eager: true },
  );
  await nextTurn();
  const snapshot = takeSnapshot();
  const children = row(snapshot, 'owner').waits[0]?.tasks?.length ?? 0;
  assert.ok(children >= 1000 && children <= 10_000);
  assert.equal(snapshot.tasks.filter(({ awaitedBy }) => awaitedBy[0] === owner.id).length, 10_000);
  await end(leaf, owner);
  while (!owner.done()) await nextTurn();
});

test('taken at every step of a busy program, also as if interrupted, it never throws and changes nothing', async () => {
  let taken = 0;
  const take = (): void => {
    const { tasks } = takeSnapshot({ interrupted: ++taken % 2 === 0, rows: 50 });
    assert.ok(tasks.every(({ waits }) => waits.length < 50));
  };
  using _ = addInstrument({
    taskStarted: take,
    taskEnded: take,
    waitBegun: take,
    waitAnswered: take,
    waitEnded: take,
    opened: take,
    closed: take,
  });
  const lock = new Lock();
  const queue = new Queue<number>(2);
  const served = serveInMemory(async (reader, writer) => {
    for await (const line of reader.lines()) {
      using _hold = await lock.acquire();
      await queue.put(line.length);
      writer.write(`${line}\n`);
      await writer.drain();
    }
  });
  const seen: string[] = [];
  await TaskGroup.run(async (group) => {
    const consumer = group.createTask(async () => {
      for (let i = 0; i < 60; i++) await queue.get();
    });
    for (let i = 0; i < 6; i++) {
      group.createTask(async () => {
        const client = await served.connect();
        for (let n = 0; n < 10; n++) {
          client.writer.write(`${i} ${n}\n`);
          seen.push(String(await client.reader.readLine()).trim());
          await timeout(1000, () => sleep(0));
        }
        await client.close();
      });
    }
    await consumer;
  });
  await served.server.shutdown();
  assert.equal(new Set(seen).size, 60);
  assert.ok(taken > 500);
});

test('a name of a megabyte is cut in snapshots, in samples, in notes of recordings and among what has ended', async () => {
  const name = 'M'.repeat(1_000_000);
  using history = new History();
  using recorder = new Recorder({ bytes: 4096 });
  recorder.start();
  const task = createTask(() => sleep(1), { name });
  const rows = [takeSnapshot(), recorder.notes(), new Sampler().take(true)].map((each) => JSON.stringify(each));
  await task;
  rows.push(JSON.stringify(recorder.notes()), JSON.stringify(history.rows()));
  for (const row of rows) {
    assert.ok(row.length < 20_000, `${row.length} characters`);
    assert.match(row, /M{199}…/);
  }
});

test('a label of a megabyte is cut in snapshots, in samples and in notes of recordings', async () => {
  using recorder = new Recorder({ bytes: 4096 });
  recorder.start();
  const lock = new Lock({ name: 'M'.repeat(1_000_000) });
  const hold = await lock.acquire();
  const waiter = createTask(() => lock.acquire());
  await nextTurn();
  const rows = [takeSnapshot(), new Sampler().take(true), recorder.notes()].map((each) => JSON.stringify(each));
  hold[Symbol.dispose]();
  (await waiter)[Symbol.dispose]();
  for (const row of rows) {
    assert.ok(row.length < 20_000, `${row.length} characters`);
    assert.match(row, /lock \\"M+…/);
  }
});
