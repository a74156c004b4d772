// Effect: the same programs as bench/tasks.ts, queues.ts and sync.ts, each batch in one Effect.
import { Effect, Fiber, Queue, Semaphore } from 'effect';
import { measureBatches, measureSleepers } from '../../build/bench/per-operation.js';

const run = (generator) => Effect.runPromise(Effect.gen(generator));

const batches = {
  join: (count) =>
    run(function* () {
      for (let i = 0; i < count; i++) yield* Fiber.join(yield* Effect.forkChild(Effect.void));
    }),
  cancel: (count) =>
    run(function* () {
      for (let i = 0; i < count; i++) {
        const fiber = yield* Effect.forkChild(Effect.sleep('1 hour'));
        yield* Effect.yieldNow;
        yield* Fiber.interrupt(fiber); // waits for its end
      }
    }),
  queue: (count) =>
    run(function* () {
      const items = yield* Queue.bounded(16);
      const producer = yield* Effect.forkChild(
        Effect.gen(function* () {
          for (let i = 0; i < count; i++) yield* Queue.offer(items, i);
        }),
      );
      for (let i = 0; i < count; i++) yield* Queue.take(items);
      yield* Fiber.join(producer);
    }),
  lock: (count) =>
    run(function* () {
      const mutex = yield* Semaphore.make(1);
      for (let i = 0; i < count; i++) yield* mutex.withPermits(1)(Effect.void);
    }),
};

if (process.argv[2] === 'sleepers') {
  await measureSleepers(async (count) => {
    for (let i = 0; i < count; i++) Effect.runFork(Effect.sleep('1 hour'));
  });
} else {
  await measureBatches(batches);
}
