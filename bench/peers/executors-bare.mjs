// Two bare worker_threads: a message each way, and nothing else. The floor: no queue, no errors, no cancellation. With a
// count as its job it computes (`busy`), so that the throughput of two cores has something to be compared with.
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { compute } from './executors-compute.mjs';
import { measureBatches } from '../../build/bench/per-operation.js';

if (isMainThread) {
  const workers = [0, 1].map(() => new Worker(new URL(import.meta.url)));
  const waiting = workers.map(() => []);
  for (const [n, worker] of workers.entries()) worker.on('message', (value) => waiting[n].shift()(value));
  let next = 0;
  const call = (message) =>
    new Promise((resolve) => {
      const n = next++ % workers.length;
      waiting[n].push(resolve);
      workers[n].postMessage(message, []);
    });
  await measureBatches({
    async one(count) {
      for (let i = 0; i < count; i++) await call({ value: i });
    },
    async hundred(count) {
      for (let i = 0; i < count; i += 100) await Promise.all(Array.from({ length: 100 }, (_, n) => call({ value: n })));
    },
    async busy(count) {
      for (let i = 0; i < count; i += 10) await Promise.all(Array.from({ length: 10 }, () => call({ pages: 10 })));
    },
  });
  process.exit();
} else {
  parentPort.on('message', ({ value, pages }) => {
    const result = pages === undefined ? value : compute(pages);
    parentPort.postMessage(result, []);
  });
}
