import assert from 'node:assert/strict';
import { type ExecutorOptions, ThreadExecutor, transfer } from 'maitre/executors';
import { isBun, isDeno } from '../../net/sockets.js';
import { test } from '../../support/test.js';
import { testExecutor } from '../suite.js';

const memory = (isBun || isDeno) && 'Bun and Deno ignore the limit: the whole process would be out of memory';

testExecutor('threads', (options: ExecutorOptions) => new ThreadExecutor(options), memory);

test('a thread without memory is an error whose cause says so', async () => {
  if (memory !== false) return;
  await using threads = new ThreadExecutor({ size: 1, maxMemory: 32 * 2 ** 20 });
  const eat = threads.run(() => {
    const all: number[][] = [];
    for (;;) all.push(Array.from({ length: 100_000 }, Math.random));
  });
  await assert.rejects(eat, (error: Error) => (error.cause as { code?: string }).code === 'ERR_WORKER_OUT_OF_MEMORY');
});

test('a buffer that is transferred to a thread is moved, and comes back without a copy', async () => {
  await using threads = new ThreadExecutor({ size: 1 });
  const pixels = new Uint8Array([0, 1, 255]);
  const same = await threads.run((bytes: Uint8Array) => bytes, transfer(pixels));
  assert.equal(pixels.length, 0);
  assert.deepEqual([...same], [0, 1, 255]);
});
