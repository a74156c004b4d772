// An item that is idle: acquired and released, with a reset that is over at once, and beside a lock nobody else wants.
import { CapacityLimiter, Lock, run } from 'maitre';
import { Pool } from 'maitre/pool';
import { type Batch, measureBatches } from './per-operation.ts';

const leasing =
  (pool: Pool<object>): Batch =>
  async (count) => {
    for (let i = 0; i < count; i++) {
      const lease = await pool.acquire();
      void lease.release();
    }
  };

await run(async () => {
  await using plain = new Pool({ create: () => ({}), check: () => true });
  await using cleaned = new Pool({ create: () => ({}), reset: () => undefined });
  const mutex = new Lock();
  const limiter = new CapacityLimiter(10);
  await measureBatches({
    idle: leasing(plain),
    reset: leasing(cleaned),
    lock: async (count) => {
      for (let i = 0; i < count; i++) {
        await mutex.acquire();
        mutex.release();
      }
    },
    limiter: async (count) => {
      for (let i = 0; i < count; i++) (await limiter.acquire())[Symbol.dispose]();
    },
  });
});
