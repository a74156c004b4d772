// p-queue with a concurrency of 1, as a lock nobody else wants.
import PQueue from 'p-queue';
import { measureBatches } from '../../build/bench/per-operation.js';

await measureBatches({
  async lock(count) {
    const mutex = new PQueue({ concurrency: 1 });
    for (let i = 0; i < count; i++) await mutex.add(async () => undefined);
  },
});
