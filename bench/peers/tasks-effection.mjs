// effection: the same programs as bench/tasks.ts. It has no bounded queue and no lock.
import { run, sleep, spawn, suspend } from 'effection';
import { measureBatches, measureSleepers } from '../../build/bench/per-operation.js';

const batches = {
  join: (count) =>
    run(function* () {
      for (let i = 0; i < count; i++) yield* yield* spawn(function* () {});
    }),
  cancel: (count) =>
    run(function* () {
      for (let i = 0; i < count; i++) {
        const task = yield* spawn(() => sleep(3_600_000));
        yield* sleep(0);
        yield* task.halt();
      }
    }),
};

if (process.argv[2] === 'sleepers') {
  await measureSleepers(async (count) => {
    void run(function* () {
      for (let i = 0; i < count; i++) yield* spawn(() => sleep(3_600_000));
      yield* suspend();
    });
  });
} else {
  await measureBatches(batches);
}
