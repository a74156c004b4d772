// Preloaded into every test process: ends one that does not end by itself, and says what kept it alive.

import { isMainThread } from 'node:worker_threads';
import { fileTimeout } from './test-files.mjs';

if (isMainThread) {
  setTimeout(() => {
    const alive = process.getActiveResourcesInfo().join(', ');
    console.error(
      `Hung: ${process.argv[1]} still runs after ${fileTimeout / 1000} s, kept alive by ${alive || 'nothing'}`,
    );
    process.exit(1);
  }, fileTimeout).unref();
}
