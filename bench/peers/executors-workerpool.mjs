// workerpool: the calls of bench/executors.ts, with two threads. Its workers run this file too.
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import workerpool from 'workerpool';
import { measureBatches } from '../../build/bench/per-operation.js';

if (isMainThread) {
  const options = { minWorkers: 2, maxWorkers: 2, workerType: 'thread' };
  const pool = workerpool.pool(fileURLToPath(import.meta.url), options);
  await measureBatches({
    async one(count) {
      for (let i = 0; i < count; i++) await pool.exec('nothing', [i]);
    },
    async hundred(count) {
      for (let i = 0; i < count; i += 100) {
        await Promise.all(Array.from({ length: 100 }, (_, n) => pool.exec('nothing', [n])));
      }
    },
  });
  process.exit();
} else {
  workerpool.worker({ nothing: (value) => value });
}
