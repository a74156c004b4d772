// A lock nobody else wants.
import { Lock, run } from 'maitre';
import { measureBatches } from './per-operation.ts';

async function lock(count: number): Promise<void> {
  const mutex = new Lock();
  for (let i = 0; i < count; i++) {
    await mutex.acquire();
    mutex.release();
  }
}

await run(() => measureBatches({ lock }));
