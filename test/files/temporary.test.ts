import assert from 'node:assert/strict';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { createTask, timeout } from 'maitre';
import { temporaryFolder } from 'maitre/files';
import { test } from '../support/test.js';

test('a temporary folder is for this user alone, and is gone with its contents when it is disposed of', () => {
  let path: string;
  {
    using folder = temporaryFolder('kitchen-');
    ({ path } = folder);
    assert.match(path, /kitchen-/);
    assert.equal(statSync(path).mode & 0o777, 0o700);
    writeFileSync(`${path}/menu.txt`, 'soup');
  }
  assert.equal(existsSync(path), false);
});

test('it is gone with the scope that made it', async () => {
  for (const scope of [(fn: () => string) => timeout(60_000, fn), (fn: () => string) => createTask(fn)]) {
    const path = await scope(() => {
      const folder = temporaryFolder();
      writeFileSync(`${folder.path}/x`, '');
      return folder.path;
    });
    assert.equal(existsSync(path), false);
  }
});
