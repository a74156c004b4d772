// Starting, cancelling and joining tasks, one at a time; and very many that sleep.
import { createTask, run, sleep } from 'maitre';
import { measureBatches, measureSleepers } from './per-operation.ts';

const HOUR = 3_600_000;

async function nothing(): Promise<void> {}

async function join(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await createTask(nothing);
}

async function cancel(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const task = createTask(() => sleep(HOUR));
    await sleep(0);
    task.cancel();
    await task.catch(() => undefined);
  }
}

async function sleepers(count: number): Promise<void> {
  for (let i = 0; i < count; i++) createTask(() => sleep(HOUR));
  await sleep(0);
}

await run(async () => {
  if (process.argv[2] === 'sleepers') await measureSleepers(sleepers);
  else await measureBatches({ join, cancel });
});
