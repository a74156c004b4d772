import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { CancelledError, createTask, sleep } from 'maitre';
import { openReader } from 'maitre/files';
import { test } from '../support/test.js';
import { withPath } from './files.js';

test('a file is a stream of lines, and of a part of it', async () => {
  await withPath(async (path) => {
    const text = Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`).join('');
    writeFileSync(path, text);
    let all = '';
    await using file = await openReader(path);
    for await (const line of file.lines()) all += `${line}\n`;
    assert.equal(all, text);
    await using part = await openReader(path, { start: 7, end: 14 });
    assert.equal(String(await part.read()), 'line 1\n');
    await using none = await openReader(path, { start: 10_000_000 });
    assert.equal((await none.read()).length, 0);
  });
});

test('reading is bounded by the limits of the reader', async () => {
  await withPath(async (path) => {
    writeFileSync(path, Buffer.alloc(20_000_000));
    await using file = await openReader(path);
    await file.read(1);
    await sleep(100);
    assert.ok(file.bufferedBytes <= 300_000, `${file.bufferedBytes} bytes`);
    let bytes = 1;
    for await (const chunk of file.chunks()) bytes += chunk.length;
    assert.equal(bytes, 20_000_000);
  });
});

test('disposed of in the middle, it ends its reader and closes the file', async () => {
  await withPath(async (path) => {
    writeFileSync(path, Buffer.alloc(1_000_000));
    const file = await openReader(path);
    await file.read(10);
    await file.close();
    await file.close();
    while ((await file.read(65536)).length > 0);
  });
});

test('a file that cannot be opened, or read, is the error of the system', async () => {
  await assert.rejects(openReader('/no/such/file'), { code: 'ENOENT' });
  await using folder = await openReader('/');
  await assert.rejects(folder.read(), { code: 'EISDIR' });
  assert.throws(() => openReader('/etc/hosts', { start: -1 }), {
    name: 'RangeError',
    message: /start must be an integer >= 0/,
  });
  assert.throws(() => openReader('/etc/hosts', { end: '5' as never }), TypeError);
});

test('a cancel while it is being opened leaves no file open', async () => {
  const task = createTask(() => openReader('/etc/hosts'), { eager: true });
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
  await sleep(20);
});
