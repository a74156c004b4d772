// A producer and a consumer with a queue of 16 between them.
import { createTask, Queue, run } from 'maitre';
import { measureBatches } from './per-operation.ts';

async function queue(count: number): Promise<void> {
  const items = new Queue<number>(16);
  const producer = createTask(async () => {
    for (let i = 0; i < count; i++) await items.put(i);
  });
  for (let i = 0; i < count; i++) await items.get();
  await producer;
}

await run(() => measureBatches({ queue }));
