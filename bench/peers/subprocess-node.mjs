// The pipes as node:child_process has them: 'data' handlers that collect, and one buffer at the end, as communicate()
// returns it. "chunks" leaves out that buffer.
import { spawn } from 'node:child_process';
import { measureBatches } from '../../build/bench/per-operation.js';

const bytes = 100 * 1024 * 1024;

function collect() {
  return new Promise((resolve, reject) => {
    const child = spawn('head', ['-c', String(bytes), '/dev/zero'], { stdio: ['inherit', 'pipe', 'inherit'] });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', () => resolve(chunks));
  });
}

function check(length) {
  if (length !== bytes) throw new Error(`read ${length} bytes`);
}

await measureBatches(
  {
    async communicate(count) {
      for (let i = 0; i < count; i++) check(Buffer.concat(await collect()).length);
    },
    async chunks(count) {
      for (let i = 0; i < count; i++) check((await collect()).reduce((sum, { length }) => sum + length, 0));
    },
  },
  1,
);
