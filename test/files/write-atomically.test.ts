import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createTask } from 'maitre';
import { writeAtomically } from 'maitre/files';
import { test } from '../support/test.js';
import { withPath } from './files.js';

test('a file is replaced as a whole, and nothing is left beside it', async () => {
  await withPath(async (path) => {
    writeFileSync(path, 'old');
    await writeAtomically(path, 'new ☕', { mode: 0o640 });
    assert.equal(readFileSync(path, 'utf8'), 'new ☕');
    assert.equal(statSync(path).mode & 0o777, 0o640);
    await writeAtomically(path, new Uint8Array([1, 2]));
    assert.deepEqual([...readFileSync(path)], [1, 2]);
    assert.deepEqual(readdirSync(dirname(path)), ['file']);
  });
});

test('readers see the old content or the new one, never a part', async () => {
  await withPath(async (path) => {
    const [a, b] = ['a'.repeat(500_000), 'b'.repeat(500_000)];
    await writeAtomically(path, a);
    for (let i = 0; i < 10; i++) {
      const writing = writeAtomically(path, i % 2 === 0 ? b : a);
      for (let j = 0; j < 20; j++) {
        const text = readFileSync(path, 'utf8');
        assert.ok(text === a || text === b);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await writing;
    }
  });
});

test('failed or cancelled, it leaves the old file and nothing else', async () => {
  await assert.rejects(writeAtomically('/no/such/folder/file', 'x'), { code: 'ENOENT' });
  await withPath(async (path) => {
    writeFileSync(path, 'old');
    const task = createTask(() => writeAtomically(path, 'x'.repeat(5_000_000)), { eager: true });
    task.cancel();
    await assert.rejects(async () => task);
    assert.equal(readFileSync(path, 'utf8'), 'old');
    assert.deepEqual(readdirSync(dirname(path)), ['file']);
  });
});
