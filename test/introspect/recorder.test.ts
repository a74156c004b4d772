import assert from 'node:assert/strict';
import { createTask, Lock, openConnection, sleep, startServer } from 'maitre';
import { addInstrument, Wait } from 'maitre/lowlevel';
import { deliverHeld, holdDeliveries } from '#src/core/delivery.js';
import { EVENT } from '#src/introspect/ring.js';
import { copyRing, readRecording, Recorder, type Recording } from '#src/introspect/index.js';
import { nextTurn, test } from '../support/test.js';
import { process } from './simulated-ring.js';

function read(recorder: Recorder, from?: number): Recording {
  return readRecording(copyRing(recorder.buffer), recorder.notes(), { process, reason: 'request', from });
}

async function work(name: string, count = 1): Promise<void> {
  for (let i = 0; i < count; i++) await createTask(() => sleep(0), { name });
  await nextTurn();
}

test('it records from start to stop, and what the ring has stays in it', async () => {
  const recorder = new Recorder({ bytes: 2 ** 16 });
  await work('before');
  assert.equal(copyRing(recorder.buffer).size, 0);
  recorder.start();
  recorder.start(); // does nothing: it records already
  await work('during');
  recorder.stop();
  const { size } = copyRing(recorder.buffer);
  await work('after');
  assert.equal(copyRing(recorder.buffer).size, size);
  const named = read(recorder).tables.map(({ name }) => name);
  assert.deepEqual(named, ['during']);
});

test('detail can be switched at any time: each step is measured from then on, and one in 64 after that', async () => {
  using recorder = new Recorder({ bytes: 2 ** 18 });
  recorder.start();
  assert.equal(recorder.isFull, false);
  await work('sampled', 5);
  recorder.setFull(true);
  const from = performance.now();
  await work('full', 5);
  const full = read(recorder, from);
  assert.equal(full.full, true);
  const visits = full.visits.filter(({ table }) => full.tables[table]?.name === 'full');
  assert.deepEqual(
    visits.map(({ exact, ended }) => [exact, ended]),
    Array.from({ length: 10 }, (_, i) => [true, i % 2 === 1]),
  );
  recorder.setFull(false);
  await work('sampled again', 200);
  const all = read(recorder);
  assert.equal(all.full, false);
  const again = all.visits.filter(({ table }) => all.tables[table]?.name === 'sampled again');
  const measured = again.filter(({ exact }) => exact).length;
  assert.ok(again.length >= 399 && measured >= 4 && measured <= 8, `${measured} of ${again.length}`);
});

/** The times at which waits of this kind of events were written. */
function timesOf(recorder: Recorder, kind: number): number[] {
  const times: number[] = [];
  copyRing(recorder.buffer).forEach((event) => {
    if (event.kind === kind) times.push(event.time);
  });
  return times;
}

test('a wait that a callback of the host answers and delivers has one time for both', async () => {
  using recorder = new Recorder({ bytes: 4096 });
  recorder.start();
  const wait = new Wait<void>('test', undefined);
  const task = createTask(() => wait.promise);
  await nextTurn();
  holdDeliveries();
  wait.answer();
  deliverHeld();
  await task;
  const ended = timesOf(recorder, EVENT.waitEnded)[0];
  assert.ok(ended !== undefined && ended === wait.answeredAt, `${ended} ${wait.answeredAt}`);
});

test('what is delivered after the first step of a task has the time after that step', async () => {
  using recorder = new Recorder({ bytes: 4096 });
  recorder.start();
  const wait = new Wait<void>('test', undefined);
  const waiter = createTask(() => wait.promise);
  await nextTurn();
  let burned = Infinity;
  holdDeliveries();
  const task = createTask(async () => {
    const begin = performance.now();
    while (performance.now() - begin < 2);
    burned = performance.now();
  });
  wait.answer();
  deliverHeld();
  await Promise.all([waiter, task]);
  const [ended] = timesOf(recorder, EVENT.waitEnded);
  assert.ok(ended !== undefined && ended >= burned, `${ended} ${burned}`);
});

test('names of what has ended are kept while the ring has something of it, and not much longer', async () => {
  using recorder = new Recorder({ bytes: 4096 });
  recorder.start();
  await work('many', 5000);
  const { tasks } = recorder.notes();
  assert.ok(tasks.length < 2500, `${tasks.length} names`);
  const recording = read(recorder);
  assert.ok(recording.lost > 10_000);
  assert.deepEqual([...new Set(recording.tables.map(({ name }) => name))], ['many']);
});

test('the notes say what live tasks wait for, as plain data, with the resource and the place', async () => {
  using recorder = new Recorder({ bytes: 4096 });
  recorder.setFull(true);
  recorder.start();
  const lock = new Lock({ name: 'ledger' });
  const hold = await lock.acquire();
  const waiter = createTask(() => lock.acquire(), { name: 'waiter' });
  await nextTurn();
  const notes = recorder.notes();
  assert.deepEqual(JSON.parse(JSON.stringify(notes)), notes);
  const [wait] = notes.tasks.find(({ name }) => name === 'waiter')?.waits ?? [];
  assert.equal(wait?.kind, 'lock.acquire');
  assert.equal(notes.resources[wait?.resource ?? -1]?.label, 'lock "ledger"');
  hold[Symbol.dispose]();
  (await waiter)[Symbol.dispose]();
});

test('at full detail, the visits of a handler have the bytes that came and that were written', async () => {
  using recorder = new Recorder({ bytes: 2 ** 18 });
  recorder.setFull(true);
  recorder.start();
  {
    await using server = await startServer(
      async (reader, writer) => {
        for await (const line of reader.lines()) writer.write(`${line}, ${line}\n`);
      },
      { host: '127.0.0.1' },
    );
    await using connection = await openConnection({ host: '127.0.0.1', port: server.port });
    for (const order of ['soup', 'bread']) {
      connection.writer.write(`${order}\n`);
      await connection.reader.readLine();
    }
  }
  const recording = read(recorder);
  const bytes = recording.visits.flatMap(({ bytes: some }) => (some === undefined ? [] : [some]));
  assert.deepEqual(bytes, [
    [5, 11],
    [6, 13],
  ]);
});

test('a recorder is an instrument beside others: it neither throws nor stops one', async () => {
  let ended = 0;
  using _ = addInstrument({ taskEnded: () => void ended++ });
  using recorder = new Recorder({ bytes: 4096 });
  recorder.setFull(true);
  recorder.start();
  const failing = createTask(() => Promise.reject(new Error('burnt')), { name: 'failing' });
  const cancelled = createTask(() => sleep(Infinity), { name: 'cancelled' });
  await nextTurn();
  cancelled.cancel();
  await Promise.allSettled([failing, cancelled]);
  await nextTurn();
  assert.equal(ended, 2);
  assert.equal(recorder.isOn, true);
  const recording = read(recorder);
  const ends = recording.visits.filter((visit) => visit.ended).map(({ table }) => recording.tables[table]?.name);
  assert.deepEqual(ends.toSorted(), ['cancelled', 'failing']);
});

test('without shared memory, the ring is in memory of its own thread', () => {
  const known = Object.getOwnPropertyDescriptor(globalThis, 'SharedArrayBuffer');
  try {
    delete (globalThis as { SharedArrayBuffer?: unknown }).SharedArrayBuffer;
    assert.ok(new Recorder({ bytes: 4096 }).buffer instanceof ArrayBuffer);
  } finally {
    Object.defineProperty(globalThis, 'SharedArrayBuffer', known as PropertyDescriptor); // every runtime has it
  }
  assert.ok(new Recorder({ bytes: 4096 }).buffer instanceof SharedArrayBuffer);
});
