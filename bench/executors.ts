// Calls of an executor with two threads: one after the other, a hundred at once, items of a stream, and work for both cores.
import { run } from 'maitre';
import { ThreadExecutor } from 'maitre/executors';
import type * as jobs from './executors-jobs.ts';
import { measureBatches } from './per-operation.ts';

await run(async () => {
  await using threads = new ThreadExecutor({ size: 2 });
  const heavy = threads.module<typeof jobs>(new URL('./executors-jobs.js', import.meta.url));
  await measureBatches({
    async one(count) {
      for (let i = 0; i < count; i++) await heavy.nothing(i);
    },
    async hundred(count) {
      for (let i = 0; i < count; i += 100) {
        await Promise.all(Array.from({ length: 100 }, (_, n) => heavy.nothing(n)));
      }
    },
    async busy(count) {
      for (let i = 0; i < count; i += 10) await Promise.all(Array.from({ length: 10 }, () => heavy.compute(10)));
    },
    async items(count) {
      let left = count;
      for await (const item of heavy.items(count)) if (item !== '') left--;
      if (left !== 0) throw new Error(`${left} items did not come`);
    },
  });
});
