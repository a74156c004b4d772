import assert from 'node:assert/strict';
import {
  createTask,
  Future,
  gather,
  Lock,
  loopTime,
  openConnection,
  sleep,
  startServer,
  type Task,
  TaskGroup,
} from 'maitre';
import {
  billOfTable,
  copyRing,
  countSteps,
  readRecording,
  type ReadRecordingOptions,
  Recorder,
  type Recording,
  type Visit,
} from '#src/introspect/index.js';
import { nextTurn, test } from '../support/test.js';

const process = { pid: 1, runtime: 'test', file: '', epoch: 0, uptime: 0, rss: null, heapUsed: null };

/** What the recorder has, with the notes as they cross to a worker. */
function read(recorder: Recorder, options: Partial<ReadRecordingOptions> = {}): Recording {
  const notes = JSON.parse(JSON.stringify(recorder.notes())) as ReturnType<Recorder['notes']>;
  return readRecording(copyRing(recorder.buffer), notes, { process, reason: 'request', ...options });
}

function start(isFull: boolean): Recorder {
  const recorder = new Recorder({ bytes: 2 ** 20 });
  recorder.setFull(isFull);
  recorder.start();
  return recorder;
}

/** The visits of the tables with that name. */
function visitsOf(recording: Recording, name: string): Visit[] {
  return recording.visits.filter(({ table }) => recording.tables[table]?.name === name);
}

/** Works for `ms` milliseconds. */
function busy(ms: number): void {
  const begin = performance.now();
  while (performance.now() < begin + ms);
}

test('a visit says what its task waited for before and waits for after it, and when that was ready', async () => {
  using recorder = start(true);
  const lock = new Lock({ name: 'ledger' });
  let released = NaN;
  const holder = createTask(
    async () => {
      using _ = await lock.acquire();
      await sleep(20);
      released = loopTime();
    },
    { name: 'holder', eager: true },
  );
  const other = createTask(
    async () => {
      using _ = await lock.acquire();
      busy(1);
    },
    { name: 'other' },
  );
  await Promise.all([holder, other]);
  await nextTurn();
  const recording = read(recorder);
  const [first, second] = visitsOf(recording, 'other');
  assert.ok(first !== undefined && second !== undefined);
  assert.equal(first.from, null);
  assert.equal(first.to?.kind, 'lock.acquire');
  assert.equal(recording.resources[first.to?.resource ?? -1]?.label, 'lock "ledger"');
  assert.equal(recording.tables[first.to?.holder ?? -1]?.name, 'holder');
  assert.match(recording.places[first.to?.place ?? -1]?.text ?? '', /^read-recording\.test\.[jt]s:\d+$/);
  assert.equal(second.from, first.to);
  assert.ok(second.ended && second.to === null);
  const since = second.from?.since ?? NaN;
  const ready = second.from?.ready ?? NaN;
  assert.ok(since >= first.begin && since < released, JSON.stringify(second));
  assert.ok(ready >= released && ready <= second.begin, JSON.stringify({ released, second }));
});

test('a client is one table, with the tasks of the groups of its handler; a task that nobody awaits is its own', async () => {
  using recorder = start(true);
  {
    await using server = await startServer(
      async (reader, writer) => {
        await reader.readLine();
        await TaskGroup.run((group) => {
          for (let i = 0; i < 3; i++) group.createTask(() => sleep(1));
        });
        createTask(() => sleep(0), { name: 'apart' });
        await sleep(1);
        writer.write('done\n');
      },
      { host: '127.0.0.1' },
    );
    await using connection = await openConnection({ host: '127.0.0.1', port: server.port });
    connection.writer.write('order\n');
    await connection.reader.readLine();
  }
  const recording = read(recorder);
  const clients = recording.tables.filter(({ what }) => what === 'client');
  assert.deepEqual(
    clients.map(({ peer, name }) => [/^127\.0\.0\.1:\d+$/.test(peer), name.startsWith(peer)]),
    [[true, true]],
  );
  const ofClient = recording.visits.filter(({ table }) => recording.tables[table]?.what === 'client');
  assert.equal(new Set(ofClient.map(({ task }) => task)).size, 4);
  assert.equal(visitsOf(recording, 'apart').length, 2);
});

test('a promise of somebody else is a wait that is not seen: it has no begin, and the visit after it no length', async () => {
  using recorder = start(true);
  await createTask(
    async () => {
      await new Promise((resolve) => void setTimeout(resolve, 20));
      await sleep(0);
    },
    { name: 'foreign' },
  );
  await nextTurn();
  const [first, second] = visitsOf(read(recorder), 'foreign');
  assert.equal(first?.to, null);
  assert.equal(first?.ended, false);
  assert.equal(second?.from?.ball, 'unseen');
  assert.deepEqual([second?.ms, second?.exact, second?.to?.kind], [0, false, 'sleep']);
  assert.ok((second?.begin ?? 0) - (second?.from?.since ?? 0) > 15);
});

// ---- the span -------------------------------------------------------------------------------------------------------

test('a table that does nothing in the span has its wait at the start, from the ring or from the live task', async () => {
  const idle = createTask(() => sleep(Infinity), { name: 'before the recorder' });
  await nextTurn();
  using recorder = start(true);
  const later = createTask(() => sleep(Infinity), { name: 'before the span' });
  await nextTurn();
  await sleep(2);
  const from = performance.now();
  await sleep(2);
  const recording = read(recorder, { from });
  const starts = Object.fromEntries(recording.tables.map(({ name, start: wait }) => [name, wait?.kind]));
  assert.equal(starts['before the recorder'], 'sleep');
  assert.equal(starts['before the span'], 'sleep');
  assert.ok(recording.from >= from - 0.001); // whole microseconds
  assert.deepEqual(visitsOf(recording, 'before the span'), []);
  for (const task of [idle, later]) task.cancel();
  await Promise.allSettled([idle, later]);
});

test('an empty ring is a recording of no time, with what tasks wait for', async () => {
  const idle = createTask(() => sleep(Infinity), { name: 'idle' });
  await nextTurn();
  const recording = read(new Recorder({ bytes: 4096 }));
  assert.equal(recording.to, recording.from);
  assert.deepEqual(recording.visits, []);
  assert.ok(recording.tables.some(({ name, start: wait }) => name === 'idle' && wait?.kind === 'sleep'));
  idle.cancel();
  await Promise.allSettled([idle]);
});

test('beyond the ring, a recording says how far back it goes and how much is lost', async () => {
  using recorder = new Recorder({ bytes: 4096 });
  recorder.start();
  for (let i = 0; i < 100; i++) await createTask(() => sleep(0));
  const recording = read(recorder, { from: 0 });
  assert.ok(recording.lost > 100, String(recording.lost));
  assert.ok(recording.from > 0 && recording.from < performance.now());
  assert.ok(recording.visits.every(({ begin, ms }) => begin + ms >= recording.from));
});

test('tasks that a handler creates and awaits count for its client, at any depth; one that it leaves behind does not', async () => {
  using recorder = start(true);
  const work = async (ms: number): Promise<void> => {
    await sleep(2);
    busy(ms);
  };
  const left: Task<void>[] = [];
  await using server = await startServer(
    async (_reader, writer) => {
      left.push(createTask(() => work(1), { name: 'left behind' }));
      await gather([() => work(1), () => gather([() => work(2)])]);
      const task = createTask(() => work(3), { name: 'awaited' });
      await sleep(1);
      await task;
      writer.write('done\n');
    },
    { host: '127.0.0.1' },
  );
  const connection = await openConnection({ host: '127.0.0.1', port: server.port });
  await connection.reader.readLine();
  await connection.close();
  await gather(left);
  await server.shutdown({ grace: 0 });
  const recording = read(recorder);
  const clients = recording.tables.flatMap(({ what }, i) => (what === 'client' ? [i] : []));
  assert.equal(clients.length, 1);
  const others = recording.tables.filter(({ what }) => what === 'task').map(({ name }) => name);
  assert.deepEqual(others.toSorted(), ['left behind', 'openConnection', 'server.shutdown']);
  assert.ok(visitsOf(recording, 'left behind').some(({ ms }) => ms > 0.9));
  const bill = billOfTable(recording, clients[0] ?? 0);
  const own = bill.lines.find(({ what }) => what === 'own')?.ms ?? 0;
  assert.ok(own >= 6, JSON.stringify(bill));
});

test('a task that was awaited before the recorder began counts for the client as well', async () => {
  using counting = countSteps(); // notes who creates tasks, as the inspector does
  void counting;
  const awaited = new Future<void>();
  const done = new Future<void>();
  const handler = createTask(
    async () => {
      const task = createTask(
        async () => {
          await done;
          busy(1);
          await sleep(1);
        },
        { name: 'helper' },
      );
      await Promise.resolve();
      const waiting = task.outcome();
      awaited.setResult();
      await waiting;
    },
    { name: 'handler' },
  );
  await awaited;
  using recorder = start(true);
  done.setResult();
  await nextTurn();
  const { tasks } = recorder.notes();
  const id = (name: string): number => tasks.find((task) => task.name === name)?.id ?? -1;
  assert.equal(tasks.find(({ name }) => name === 'helper')?.owner, id('handler'));
  await handler;
});
