import assert from 'node:assert/strict';
import { createTask, setExceptionHandler, sleep, timeout } from 'maitre';
import { memoryStreamPair, serveInMemory } from 'maitre/testing';
import { countSteps, type EndedRow, History } from '#src/introspect/index.js';
import { nextTurn, test } from '../support/test.js';

const shown = ({ name, how, why }: EndedRow): unknown => (why === undefined ? [name, how] : [name, how, why]);

test('a history says how each task has ended, and why', async () => {
  using history = new History();
  using _ = countSteps();
  await createTask(() => sleep(1), { name: 'good' });
  await createTask(() => Promise.reject(new RangeError('too much')), { name: 'bad' }).catch(() => undefined);
  const cancelled = createTask(() => sleep(Infinity), { name: 'away', eager: true });
  cancelled.cancel('the kitchen is closing');
  await nextTurn();
  await timeout(1, () => createTask(() => sleep(Infinity), { name: 'late' })).catch(() => undefined);
  const rows = history.rows();
  const byName = ['good', 'bad', 'away', 'late'].map((name) => rows.find((row) => row.name === name) as EndedRow);
  assert.deepEqual(byName.map(shown), [
    ['good', 'returned'],
    ['bad', 'threw', 'RangeError: too much'],
    ['away', 'cancelled', 'the kitchen is closing'],
    ['late', 'cancelled', byName[3]?.why],
  ]);
  assert.match(byName[3]?.why ?? '', /timeout of 1 ms/);
  assert.ok(byName.every(({ ms }) => ms !== null && ms >= 0 && ms < 5000));
  assert.ok(rows.every((row, i) => i === 0 || row.at <= (rows[i - 1]?.at ?? 0)));
});

test('looking at how a task failed does not count as handling it', async () => {
  using history = new History();
  const task = createTask(() => Promise.reject(new Error('unheard')), { name: 'bad' });
  const heard: string[] = [];
  using _ = setExceptionHandler(({ message }) => void heard.push(message));
  await nextTurn();
  await nextTurn();
  assert.deepEqual(heard, ['Task "bad" failed and nobody awaited it']);
  assert.equal(history.rows().find(({ id }) => id === task.id)?.how, 'threw');
});

test('a connection ends with its bytes and the end of its handler', async () => {
  using history = new History();
  const served = serveInMemory(async (reader, writer) => {
    writer.write(await reader.readLine());
    await writer.drain();
  });
  const client = await served.connect();
  client.writer.write('soup\n');
  await client.reader.readLine();
  await client.close();
  await served.server.shutdown();
  const row = history.rows().find(({ name }) => /^connection \d+ from/.test(name));
  assert.deepEqual([row?.what, row?.how, row?.bytesRead, row?.bytesWritten], ['connection', 'returned', 5, 5]);
  assert.ok(row?.ms !== null && row !== undefined && row.ms >= 0 && row.ms < 5000);
});

test('a history is bounded, and tasks that returned do not push out one that threw', async () => {
  using history = new History({ most: 10 });
  await createTask(() => Promise.reject(new Error('x')), { name: 'bad' }).catch(() => undefined);
  for (let i = 0; i < 50; i++) await createTask(() => undefined, { name: `t${i}` });
  const names = history.rows().map(({ name }) => name);
  assert.equal(names.length, 11);
  assert.ok(names.includes('bad') && names.includes('t49') && !names.includes('t39'));
  assert.throws(() => new History({ most: 0 }), RangeError);
});

test('rows keep nothing alive: all values are texts and numbers', async () => {
  using history = new History();
  const [a, b] = memoryStreamPair();
  await createTask(() => Promise.reject(Object.assign(new Error('x'), { big: a })), { name: 'bad' }).catch(
    () => undefined,
  );
  const values = history.rows().flatMap((row) => Object.values(row) as unknown[]);
  assert.deepEqual(
    values.filter((value) => typeof value === 'object' && value !== null),
    [],
  );
  for (const each of [a, b]) each.abort();
  for (const each of [a, b]) await each.writer.waitClosed();
});
