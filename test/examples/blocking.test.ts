import assert from 'node:assert/strict';
import { endsWith, Program, programArgs } from '../support/program.js';
import { test } from '../support/test.js';

test('blocking shows both totals, a factor of 5 or more, and who waited when', async () => {
  await using program = new Program(programArgs('examples/blocking.ts'));
  const { code, stdout, stderr } = await program.ended();
  assert.deepEqual([code, stderr], [0, '']);

  const totals = [...stdout.matchAll(/all served after (\d+) ms/g)].map(([, ms]) => Number(ms));
  assert.equal(totals.length, 2, stdout);
  const [blocking = NaN, walking = NaN] = totals;
  assert.ok(blocking >= 1950 && walking >= 195, `the kitchen cannot be that fast: ${stdout}`);
  assert.ok(blocking / walking >= 5, `only ${blocking} ms against ${walking} ms`);
  const told = /^([\d.]+) times as fast/m.exec(stdout)?.[1];
  assert.ok(Math.abs(Number(told) - blocking / walking) < 0.2, `it says ${told} times`);

  const rows = [...stdout.matchAll(/^ {2}table +(\d+) {2}(\.*)(#+)$/gm)];
  assert.deepEqual(
    rows.map(([, table]) => Number(table)),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  // In the first run each table waits for the waiter for the kitchen time of all before it: 4 characters each.
  const waited = rows.map(([, , dots = '']) => dots.length);
  for (let table = 0; table < 10; table++) {
    assert.ok((waited[table] ?? 0) >= 4 * table - 1, `table ${table + 1} did not wait: ${stdout}`);
    assert.ok((waited[table + 10] ?? 0) <= 4, `table ${table + 1} waited for the others: ${stdout}`);
  }
});

test('SIGINT ends blocking with 130 in the middle of the first run', async () => {
  await using program = new Program(programArgs('examples/blocking.ts'));
  await program.sees(/10 tables/);
  const { stdout } = await endsWith(program, 'SIGINT', 130, 5000);
  assert.doesNotMatch(stdout, /all served/);
});
