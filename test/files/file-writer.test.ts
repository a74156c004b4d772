import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { ConnectionLostError, isConnectionLost, pipe } from 'maitre';
import { openReader, openWriter } from 'maitre/files';
import { test } from '../support/test.js';
import { withPath } from './files.js';

test('what is written is in the file, in order, when it is closed', async () => {
  await withPath(async (path) => {
    {
      await using file = await openWriter(path, { sync: true });
      for (let i = 0; i < 10_000; i++) {
        file.write(`line ${i}\n`);
        await file.drain();
      }
      file.write(new Uint8Array([104, 105]));
    }
    const text = readFileSync(path, 'utf8');
    assert.equal(text.length, Array.from({ length: 10_000 }, (_, i) => `line ${i}\n`).join('').length + 2);
    assert.ok(text.startsWith('line 0\nline 1\n') && text.endsWith('line 9999\nhi'));
  });
});

test('append keeps what is there, exclusive refuses it, mode is that of a new file', async () => {
  await withPath(async (path) => {
    writeFileSync(path, 'old ');
    {
      await using file = await openWriter(path, { append: true });
      file.write('new');
    }
    assert.equal(readFileSync(path, 'utf8'), 'old new');
    await assert.rejects(openWriter(path, { exclusive: true }), { code: 'EEXIST' });
    await using _ = await openWriter(`${path}2`, { mode: 0o600 });
    assert.equal(statSync(`${path}2`).mode & 0o777, 0o600);
  });
});

test('drain waits for the disk, so memory stays bounded', async () => {
  await withPath(async (path) => {
    writeFileSync(path, Buffer.alloc(30_000_000, 'x'));
    await using from = await openReader(path);
    await using to = await openWriter(`${path}2`);
    assert.equal(await pipe(from, to), 30_000_000);
    assert.equal(statSync(`${path}2`).size, 30_000_000);
  });
});

test(
  'a full disk rejects drain, with the error of the system as its cause',
  async () => {
    const file = await openWriter('/dev/full');
    file.write('more than there is room for');
    file.close();
    await file.waitClosed();
    await assert.rejects(file.drain(), (error) => {
      assert.ok(error instanceof ConnectionLostError && isConnectionLost(error));
      assert.equal((error.cause as NodeJS.ErrnoException).code, 'ENOSPC');
      return true;
    });
  },
  { skip: !existsSync('/dev/full') && 'this system has no /dev/full' },
);
