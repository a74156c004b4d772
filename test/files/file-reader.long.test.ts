import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { pipe } from 'maitre';
import { openReader, openWriter } from 'maitre/files';
import { test } from '../support/test.js';
import { withPath } from './files.js';

test(
  'a file of 2 GiB is read and written in bounded memory',
  async () => {
    await withPath(async (path) => {
      const size = 2 ** 31 + 5; // more than 32 bits with a sign can count
      writeFileSync(path, '');
      truncateSync(path, size); // it takes no room on the disk
      const before = process.memoryUsage().rss;
      let most = before;
      const measuring = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 10);
      try {
        await using from = await openReader(path);
        await using to = await openWriter('/dev/null');
        assert.equal(await pipe(from, to), size);
      } finally {
        clearInterval(measuring);
      }
      const grown = (most - before) / 2 ** 20;
      assert.ok(grown < 400, `the process grew by ${grown} MiB`); // 35 to 135, by runtime
    });
  },
  { timeout: 50_000, skip: process.platform === 'win32' && 'there is no /dev/null' },
);
