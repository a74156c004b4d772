// Random lives of tasks that share permits, against the simplest model of them: nobody overtakes, nobody has a permit too
// many, and in the end all are back. For locks, semaphores and limiters.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { createTask, loopTime, sleep, type Task, timeout, TimeoutError } from 'maitre';
import { runWithFakeClock } from 'maitre/testing';

export interface Shared {
  acquire(): Promise<Disposable>;
  /** How many are out now, by the primitive's own account. */
  held(): number;
  waiting(): number;
}

/** What one task does; times in milliseconds. */
interface Life {
  readonly comesAt: number;
  readonly holdsFor: number;
  /** Gives up by itself when it has waited for so long. */
  readonly patience: number | undefined;
  readonly cancelledAt: number | undefined;
}

const ms = fc.integer({ min: 0, max: 12 });
const life: fc.Arbitrary<Life> = fc.record({
  comesAt: ms,
  holdsFor: ms,
  patience: fc.option(ms, { nil: undefined, freq: 2 }),
  cancelledAt: fc.option(fc.integer({ min: 0, max: 25 }), { nil: undefined, freq: 2 }),
});

/** Lives out random lives, and checks at every step. */
export async function checkHolders(permits: number, make: () => Shared): Promise<void> {
  const property = fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 10 }), async (lives) => {
    await runWithFakeClock(() => live(permits, make(), lives));
  });
  await fc.assert(property, { numRuns: 60 });
}

async function live(permits: number, shared: Shared, lives: readonly Life[]): Promise<void> {
  const asked: number[] = [];
  const got: number[] = [];
  let holding = 0;
  const use = async (who: number): Promise<void> => {
    asked.push(who);
    const { patience = null, holdsFor } = lives[who] as Life; // every index has a life
    using _ = await timeout(patience, () => shared.acquire());
    got.push(who);
    holding++;
    try {
      assert.ok(holding <= permits, `${holding} hold ${permits}`);
      assert.ok(shared.held() >= holding);
      await sleep(holdsFor);
    } finally {
      holding--;
    }
  };
  const tasks = lives.map(({ comesAt }, who): Task<void> =>
    createTask(async () => {
      await sleep(comesAt);
      await use(who).catch((error: unknown) => {
        if (!(error instanceof TimeoutError)) throw error;
      });
    }),
  );
  const cancels = lives.map(({ cancelledAt }, who) =>
    createTask(async () => {
      if (cancelledAt === undefined) return;
      await sleep(cancelledAt);
      tasks[who]?.cancel();
    }),
  );
  for (const task of [...cancels, ...tasks]) await task.catch(() => undefined);
  for (const task of tasks) if (!task.cancelled()) assert.equal(task.exception(), undefined);
  assert.deepEqual([shared.held(), shared.waiting()], [0, 0], `at ${loopTime()}`);
  assert.deepEqual(
    got,
    asked.filter((who) => got.includes(who)),
    'somebody was overtaken',
  );
  for (const [who, { patience, cancelledAt }] of lives.entries()) {
    if (patience === undefined && cancelledAt === undefined) assert.ok(got.includes(who), `${who} never got any`);
  }
}
