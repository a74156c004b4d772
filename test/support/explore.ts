// Cancellation explored, not sampled: a scenario is run again and again, cancelled one step later each time, until it ends
// before its cancel comes. A step is one microtask, and every MICROTASKS_PER_TURN of them a turn of the loop, so that
// scenarios move by `sleep(0)` and need no clock.
import assert from 'node:assert/strict';
import { allTasks, createTask, type Task } from 'maitre';
import { nextTurn } from './test.js';

const MICROTASKS_PER_TURN = 10;

/** After how many turns a task that has not ended counts as stuck. */
const STUCK_AFTER = 50;

/** One run of what is explored. */
export interface Scenario<T> {
  /** The task's function. It may catch and clean up, but must end with a cancelled wait's error. */
  readonly body: () => Promise<T> | T;
  /** Looks at what is left when the task and all it started have ended. */
  readonly check?: (outcome: Outcome<T>) => void;
}

export interface Outcome<T> {
  readonly task: Task<T>;
  /** The steps after which it was cancelled. */
  readonly steps: readonly number[];
  /** How many of the cancels came before it had ended. */
  readonly cancels: number;
}

/**
 * Cancels a fresh `make()` after 0, 1, 2, ... steps. Every time the task must end soon, as cancelled or by itself; its
 * count must be the number of cancels that reached it; and nothing it started may be left.
 * @returns at how many steps the cancel came in time
 */
export async function cancelAtEveryStep<T>(make: () => Scenario<T>): Promise<number> {
  for (let step = 0; ; step++) {
    if ((await explore(make(), [step])).cancels === 0) return step;
  }
}

/** As `cancelAtEveryStep`, with a second cancel some steps after each first one. */
export async function cancelTwiceAtEveryStep<T>(make: () => Scenario<T>): Promise<number> {
  let pairs = 0;
  for (let first = 0; ; first++) {
    for (let gap = 0; ; gap++) {
      const { cancels } = await explore(make(), [first, first + gap]);
      if (cancels === 0) return pairs;
      if (cancels === 1) break; // the second one came too late: so would all later ones
      pairs++;
    }
  }
}

async function explore<T>(scenario: Scenario<T>, steps: readonly number[]): Promise<Outcome<T>> {
  const before = new Set(allTasks());
  const task = createTask(scenario.body, { name: `explored at ${steps.join(' and ')}` });
  let cancels = 0;
  let now = 0;
  for (const step of steps) {
    for (; now < step; now++) {
      await Promise.resolve();
      if (now % MICROTASKS_PER_TURN === MICROTASKS_PER_TURN - 1) await nextTurn();
    }
    if (task.cancel()) cancels++;
  }
  const left = (): Task<unknown>[] => [...allTasks()].filter((each) => !before.has(each));
  for (let turn = 0; left().length > 0; turn++) {
    assert.ok(turn < STUCK_AFTER, `stuck after cancels at ${steps.join(', ')}: ${left().join(', ')}`);
    await nextTurn();
  }
  assert.equal(task.cancelling(), cancels, `the count after cancels at ${steps.join(', ')}`);
  task.catch(() => undefined); // its outcome is the check's affair
  const outcome = { task, steps, cancels };
  scenario.check?.(outcome);
  return outcome;
}
