// async-mutex: a lock nobody else wants.
import { Mutex } from 'async-mutex';
import { measureBatches } from '../../build/bench/per-operation.js';

await measureBatches({
  async lock(count) {
    const mutex = new Mutex();
    for (let i = 0; i < count; i++) {
      const release = await mutex.acquire();
      release();
    }
  },
});
