// piscina or tinypool, which have one interface: the calls of bench/executors.ts, with two threads.
import { fileURLToPath } from 'node:url';
import { measureBatches } from '../../build/bench/per-operation.js';

const { default: Pool } = await import(process.env.POOL);
const pool = new Pool({
  filename: fileURLToPath(new URL('../peers/executors-job.mjs', import.meta.url)),
  minThreads: 2,
  maxThreads: 2,
});

await measureBatches({
  async one(count) {
    for (let i = 0; i < count; i++) await pool.run(i);
  },
  async hundred(count) {
    for (let i = 0; i < count; i += 100) await Promise.all(Array.from({ length: 100 }, (_, n) => pool.run(n)));
  },
});
process.exit();
