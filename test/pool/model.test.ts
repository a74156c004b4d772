// Random lives of callers at a pool whose items break and whose callbacks fail, hang and dawdle, against the rules of a
// pool: never more than max, nobody overtaken, no item for two, none dirty, none lost, none left open.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { CancelledError, createTask, setExceptionHandler, sleep, type Task, TimeoutError } from 'maitre';
import { Pool } from 'maitre/pool';
import { allTasksBlocked, runWithFakeClock } from 'maitre/testing';
import { test } from '../support/test.js';

const MAX = 3;

/** What a caller does. Times in milliseconds. */
interface Life {
  readonly comesAt: number;
  readonly holdsFor: number;
  readonly patience: number;
  readonly cancelledAt: number | undefined;
  readonly end: 'release' | 'discard' | 'break' | 'both';
}
/** What a call of a callback does. */
interface Deed {
  readonly takes: number;
  readonly how: 'good' | 'bad' | 'throw' | 'hang';
}
interface Plan {
  readonly lives: readonly Life[];
  readonly deeds: readonly Deed[];
  readonly min: number;
  readonly checkAfter: number;
  readonly shutdownAt: number;
  readonly grace: number;
}

const ms = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
const life: fc.Arbitrary<Life> = fc.record({
  comesAt: ms(60),
  holdsFor: ms(20),
  patience: fc.oneof(ms(40), fc.constant(10_000)),
  cancelledAt: fc.option(ms(80), { nil: undefined, freq: 2 }),
  end: fc.constantFrom('release', 'release', 'discard', 'break', 'both'),
});
const deed: fc.Arbitrary<Deed> = fc.record({
  takes: ms(8),
  how: fc.constantFrom('good', 'good', 'good', 'good', 'bad', 'throw', 'hang'),
});
const plan: fc.Arbitrary<Plan> = fc.record({
  lives: fc.array(life, { minLength: 1, maxLength: 14 }),
  deeds: fc.array(deed, { maxLength: 40 }),
  min: ms(2),
  checkAfter: fc.constantFrom(0, 5, 1000),
  shutdownAt: fc.oneof(ms(100), fc.constant(1000)),
  grace: ms(30),
});

type State = 'opening' | 'idle' | 'leased' | 'dirty' | 'ending' | 'ended';
interface Thing {
  readonly number: number;
  state: State;
}

/** Lives the plan out, and checks at every step. */
async function live({ lives, deeds, min, checkAfter, shutdownAt, grace }: Plan): Promise<void> {
  const things: Thing[] = [];
  let next = 0;
  const run = async (end: () => void): Promise<boolean> => {
    const { takes, how } = deeds[next++] ?? { takes: 1, how: 'good' };
    if (takes > 0) await sleep(takes).catch(() => undefined); // deaf to cancels
    if (how === 'hang') await new Promise(() => undefined);
    if (how === 'throw') throw new Error('as planned');
    end();
    return how !== 'bad';
  };
  const open = (): number => things.filter(({ state }) => state !== 'ended').length;
  const pool = new Pool<Thing>({
    min,
    max: MAX,
    checkAfter,
    acquireTimeout: 10_000,
    createTimeout: 50,
    checkTimeout: 50,
    destroyTimeout: 50,
    idleTimeout: 30,
    lifetime: 60,
    retry: { backoff: 2, maxBackoff: 10 },
    create: async () => {
      const thing: Thing = { number: things.length, state: 'opening' };
      await run(() => undefined);
      things.push(thing);
      thing.state = 'idle';
      return thing;
    },
    check: (thing) => {
      assert.equal(thing.state, 'idle');
      return run(() => undefined);
    },
    reset: (thing) => {
      assert.equal(thing.state, 'dirty');
      return run(() => {
        if (thing.state === 'dirty') thing.state = 'idle';
      });
    },
    destroy: (thing) => {
      assert.ok(thing.state !== 'ending' && thing.state !== 'ended', `item ${thing.number} ended twice`);
      thing.state = 'ending';
      return run(() => undefined).finally(() => (thing.state = 'ended'));
    },
  });
  const asked: number[] = [];
  const got: number[] = [];
  const use = async (who: number): Promise<void> => {
    const { holdsFor, patience, end } = lives[who] as Life; // every index has a life
    asked.push(who);
    await using lease = await pool.acquire({ timeout: patience });
    got.push(who);
    const { item } = lease;
    assert.equal(item.state, 'idle', `item ${item.number} is ${item.state}`);
    item.state = 'leased';
    try {
      await sleep(holdsFor);
    } finally {
      if (item.state === 'leased') item.state = 'dirty'; // the shutdown may have taken it
      if (end === 'break') pool.remove(item);
      if (end === 'discard' || end === 'both') await lease.discard();
      if (end === 'both') await lease.release();
    }
  };
  const tasks = lives.map(({ comesAt }, who): Task<void> =>
    createTask(async () => {
      await sleep(comesAt);
      await use(who);
    }),
  );
  const watcher = createTask(async () => {
    for (;;) {
      const { total, idle, leased, creating, checking, resetting, closing } = pool.statistics();
      assert.ok(total <= MAX, `${total} items`);
      assert.equal(total, idle + leased + creating + checking + resetting + closing);
      await sleep(1);
    }
  });
  const cancels = lives.map(({ cancelledAt }, who) =>
    createTask(async () => {
      await sleep(cancelledAt ?? 0);
      if (cancelledAt !== undefined) tasks[who]?.cancel();
    }),
  );
  await sleep(shutdownAt);
  const before = performance.now();
  await pool.shutdown({ grace });
  assert.ok(performance.now() - before < 10_000);
  assert.equal(pool.statistics().total, 0);
  for (const task of [...cancels, ...tasks]) await task.catch(() => undefined);
  watcher.cancel();
  await assert.rejects(watcher.then(), CancelledError);
  for (const task of tasks) {
    const error = task.cancelled() ? undefined : task.exception();
    if (error === undefined || error instanceof TimeoutError || (error as Error).name === 'InvalidStateError') continue;
    throw error;
  }
  await sleep(1000);
  assert.deepEqual(
    things
      .filter(({ state }) => state !== 'ended' && state !== 'ending')
      .map(({ number, state }) => `${number} ${state}`),
    [],
    `left open of ${things.length}, ${open()}`,
  );
  assert.deepEqual(
    got,
    asked.filter((who) => got.includes(who)),
    'somebody was overtaken',
  );
}

test(
  'a pool does what its rules say, whoever comes, gives up and is cancelled, and whatever its callbacks do',
  async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (drawn) => {
        using _ = setExceptionHandler(() => undefined);
        await runWithFakeClock(async () => {
          await live(drawn);
          await allTasksBlocked();
        });
      }),
      { numRuns: 150 },
    );
  },
  { timeout: 60_000 },
);
