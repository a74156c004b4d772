// The names every door of the package exports, against exports.snapshot.json: a public name comes or goes on purpose.
// After a change on purpose: UPDATE_SNAPSHOT=1 npm test -- exports

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { test } from 'node:test';
import { readText, root } from './source-files.js';

type Snapshot = Record<string, string[]>;

const snapshotFile = 'test/meta/exports.snapshot.json';

test('every door exports exactly the names of the snapshot', async () => {
  const actual = await readDoors();
  if (process.env['UPDATE_SNAPSHOT'] === '1') {
    writeFileSync(join(root, snapshotFile), `${JSON.stringify(actual, null, 2)}\n`);
  }
  const expected = existsSync(join(root, snapshotFile))
    ? (JSON.parse(readText(snapshotFile)) as Snapshot) // written above
    : {};
  const changes = difference(expected, actual);
  assert.equal(changes.length, 0, `Exports changed (UPDATE_SNAPSHOT=1 accepts it):\n${changes.join('\n')}`);
});

test('the difference names what came and what went', () => {
  const before = { maitre: ['run', 'sleep'], 'maitre/old': ['x'] };
  const after = { maitre: ['gather', 'run'], 'maitre/new': ['y'] };
  assert.deepEqual(difference(before, after), [
    '- maitre: sleep',
    '+ maitre: gather',
    '- maitre/old: x',
    '+ maitre/new: y',
  ]);
  assert.deepEqual(difference(before, before), []);
});

/** The run-time names of every door that package.json lists. */
async function readDoors(): Promise<Snapshot> {
  const { exports } = JSON.parse(readText('package.json')) as { exports: Record<string, unknown> }; // our own file
  const doors: Snapshot = {};
  for (const path of Object.keys(exports)) {
    if (path.endsWith('.json')) continue;
    const door = posix.join('maitre', path);
    const names = Object.keys((await import(door)) as object); // a module namespace
    doors[door] = names.sort();
  }
  return doors;
}

function difference(before: Snapshot, after: Snapshot): string[] {
  const doors = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...doors].flatMap((door) => {
    const old = before[door] ?? [];
    const now = after[door] ?? [];
    return [
      ...old.filter((name) => !now.includes(name)).map((name) => `- ${door}: ${name}`),
      ...now.filter((name) => !old.includes(name)).map((name) => `+ ${door}: ${name}`),
    ];
  });
}
