// exploreCancellation: explores cancellation instead of sampling it. It runs a scenario once
// undisturbed and records the points at which each of its tasks can be cancelled. Then it runs the
// scenario again for every point, with a cancel at exactly that one.
//
// The points of a task:
// - `start`: it was created, and has not run its first step.
// - `wait k`: it has begun its k-th wait, and nobody has decided that wait.
// - `answer k`: its k-th wait was answered (or failed), and not delivered. At this moment careless
//   primitives lose permits, items and bytes.
// - `delivered k`: its k-th wait was delivered, and the task has not resumed. The cancel reaches
//   its next waiting call, even one that need not wait.
//
// The clock is fake, and wake-ups come in a fixed order, or in one shuffled by a seed. So every run
// meets the same points. A point that is not met again is an error: what was not cancelled was not
// explored.
//
// Example: `a` and `b` each acquire a lock and sleep. The undisturbed run records a:start, b:start,
// a:wait 1 (its sleep), b:wait 1 (the lock), and so on. The run for `b:answer 1` cancels `b` when
// `a` has released the lock to it and `b` has not resumed: a correct lock is free afterwards.
import { callback, type Checks, checkOptions, listOf, ofType } from '../base/index.ts';
import {
  addInstrument,
  createTask,
  type Delivery,
  type DeliveryHook,
  setDeliveryHook,
  type Task,
  untilDone,
  Wait,
  type WaitRecord,
} from '../core/index.ts';
import { type FakeClock, runWithFakeClock } from './fake-clock.ts';
import { withLeakCheck } from './leak-check.ts';
import { seededRandom, seedNumber } from './random.ts';

/** The argument of a scenario. */
export interface Exploration {
  /** The fake clock of this run. It jumps by itself. */
  readonly clock: FakeClock;
  /**
   * Starts a task that the exploration may cancel. Names have to be distinct and without `:`, `,`
   * and `;`.
   */
  task<T>(name: string, fn: (task: Task<T>) => PromiseLike<T> | T): Task<T>;
  /**
   * Waits until all these tasks have ended. Ignores a cancelled one, and throws any other error.
   */
  settled(): Promise<void>;
}

/** Options of `exploreCancellation`. */
export interface ExploreOptions {
  /**
   * Explores again for each seed, with the wake-ups of one moment shuffled by it. Defaults to [],
   * the order of decision only.
   */
  readonly seeds?: readonly number[] | undefined;
  /**
   * With 2, follows each cancel by a second one, at every point that comes after it. Defaults to 1.
   */
  readonly cancels?: 1 | 2 | undefined;
  /**
   * Runs only the points that a failure has named: `task:point`, two separated by a comma, and
   * `;seed` if there was one.
   */
  readonly replay?: string | undefined;
}

/** The checks for every option of exploreCancellation. */
export const EXPLORE: Checks<ExploreOptions> = {
  seeds: listOf('a list of seeds', seedNumber),
  cancels: ofType('number', '1 or 2', (cancels) => cancels === 1 || cancels === 2),
  replay: ofType('string', 'what a failure has named', () => true), // parseReplay reports what is wrong with it
};

interface Point {
  readonly task: string;
  /** `start`, `wait 1`, `answer 1`, `delivered 1`, `wait 2`, ... */
  readonly at: string;
  /** What the task waited for. Undefined for `start` and in a replay. */
  readonly kind?: string | undefined;
}

type Scenario = (x: Exploration) => PromiseLike<void> | void;

/**
 * Runs `scenario` once for every point at which each of its tasks can be cancelled. The scenario
 * starts its tasks with `x.task` and awaits `x.settled()`. Then it asserts what has to hold whoever
 * was cancelled: no permit out, no item lost, no task waiting. A task has to record what it
 * received by itself, because the result of a cancelled task is lost. Anything left running also
 * fails the run.
 * @returns the number of runs with a cancel
 * @throws the first failure, with the task, the point, what it waited for, and how to replay it
 * @throws RangeError or TypeError for options that are wrong or unknown
 *
 * @example
 * ```ts
 * import { Lock, sleep } from 'maitre';
 * import { exploreCancellation } from 'maitre/testing';
 * const points = await exploreCancellation(async (x) => {
 *   const lock = new Lock();
 *   for (const name of ['a', 'b', 'c']) {
 *     x.task(name, async () => {
 *       using _ = await lock.acquire();
 *       await sleep(10);
 *     });
 *   }
 *   await x.settled();
 *   if (lock.locked()) throw new Error('the lock was lost');
 * });
 * console.log(points > 5);
 * ```
 */
export async function exploreCancellation(scenario: Scenario, options: ExploreOptions = {}): Promise<number> {
  callback('explore', 'the scenario', scenario);
  checkOptions('explore', options, EXPLORE);
  const { seeds = [], cancels = 1, replay } = options;
  if (replay !== undefined) {
    const { points, seed } = parseReplay(replay);
    await runWith(scenario, points, seed);
    return 1;
  }
  let runs = 0;
  for (const seed of [undefined, ...seeds]) {
    for (const first of await runOnce(scenario, [], seed)) {
      const later = await runWith(scenario, [first], seed);
      runs++;
      if (cancels === 1) continue;
      for (const second of later) await runWith(scenario, [first, second], seed);
      runs += later.length;
    }
  }
  return runs;
}

/**
 * Runs the scenario with cancels at `points`. A failure names them and how to replay it. Returns
 * the points after the last.
 */
async function runWith(scenario: Scenario, points: readonly Point[], seed: number | undefined): Promise<Point[]> {
  try {
    return await runOnce(scenario, points, seed);
  } catch (error) {
    const where = points.map(({ task, at, kind }) => {
      return `task "${task}" at its point "${at}"${kind === undefined ? '' : ` (${kind})`}`;
    });
    const steps = points.map(({ task, at }) => `${task}:${at}`).join(',');
    const replay = seed === undefined ? steps : `${steps};${seed}`;
    throw new Error(
      `Cancelling ${where.join(', then ')} broke the scenario: ` +
        `${error instanceof Error ? error.message : String(error)}\n    replay with { replay: ${JSON.stringify(replay)} }`,
      { cause: error },
    );
  }
}

function parseReplay(replay: string): { readonly points: readonly Point[]; readonly seed: number | undefined } {
  const [steps = '', seed] = replay.split(';');
  const points = steps.split(',').map((step) => {
    const [task, at] = step.split(':');
    if (task === undefined || at === undefined) {
      throw new RangeError(`Cannot replay: expected "task:point" or "task:point;seed", got ${JSON.stringify(replay)}`);
    }
    return { task, at };
  });
  return { points, seed: seed === undefined ? undefined : Number(seed) };
}

/**
 * Runs the scenario and cancels at the points of `plan`, one after the other. Returns the points
 * that it met after the last.
 */
async function runOnce(scenario: Scenario, plan: readonly Point[], seed: number | undefined): Promise<Point[]> {
  const after: Point[] = [];
  let cancelled = 0;
  const names = new Map<Task<unknown>, string>();
  const counts = new Map<string, number>();
  /** The waits of the explored tasks, and the number of each within its task. */
  const numbers = new Map<WaitRecord, number>();
  const answered = new Set<WaitRecord>();

  const met = (task: Task<unknown>, at: string, kind?: string): void => {
    const name = names.get(task) as string; // defined: only named tasks come here
    const next = plan[cancelled];
    if (next === undefined) after.push({ task: name, at, kind });
    else if (next.task === name && next.at === at) {
      cancelled++;
      task.cancel(`cancelled by the exploration at ${at}`);
    }
  };
  const waitBegun = (wait: WaitRecord): void => {
    const task = wait.task as Task<unknown> | undefined; // only tasks wait
    const name = task === undefined ? undefined : names.get(task);
    if (task === undefined || name === undefined) return;
    const number = (counts.get(name) ?? 0) + 1;
    counts.set(name, number);
    numbers.set(wait, number);
    // A microtask later, when the step that made the wait has reached its await. The wait may have
    // been decided meanwhile.
    queueMicrotask(() => {
      if (wait.state === 'waiting') met(task, `wait ${number}`, wait.kind);
    });
  };
  const shuffle = seed === undefined ? undefined : shuffler(seed);
  const onDelivery: DeliveryHook = (batch) => {
    shuffle?.(batch);
    // By index: a cancel may answer another wait, which then joins the batch.
    for (let i = 0; i < batch.length; i++) {
      const wait = batch[i];
      // A delivery that was put off (a race, a full turn) comes by again.
      if (!(wait instanceof Wait) || !wait.answered || answered.has(wait)) continue;
      const number = numbers.get(wait);
      if (number === undefined) continue;
      met(wait.task as Task<unknown>, `answer ${number}`, wait.kind); // numbered waits have a task
      if (wait.answered) answered.add(wait);
    }
  };
  const waitEnded = (wait: WaitRecord): void => {
    const number = numbers.get(wait);
    numbers.delete(wait);
    if (answered.delete(wait)) met(wait.task as Task<unknown>, `delivered ${number}`, wait.kind); // as above
  };

  await withLeakCheck(() =>
    runWithFakeClock(async (clock) => {
      using _instrument = addInstrument({ waitBegun, waitEnded });
      using _hook = setDeliveryHook(onDelivery);
      await scenario({
        clock,
        task(name, fn) {
          if (/[:,;]/.test(name))
            throw new RangeError(`Cannot explore: a task's name may not contain : , or ; as ${name} does`);
          if ([...names.values()].includes(name)) throw new RangeError(`Cannot explore: two tasks are named ${name}`);
          const task = createTask(fn, { name });
          names.set(task as Task<unknown>, name);
          met(task as Task<unknown>, 'start');
          return task;
        },
        async settled() {
          for (let left = pending(names.keys()); left.length > 0; left = pending(names.keys())) {
            await untilDone(left, 'ALL_COMPLETED', undefined, 'settled', undefined);
          }
          for (const task of names.keys()) {
            const error: unknown = task.cancelled() ? undefined : task.exception();
            if (error !== undefined) throw error;
          }
        },
      });
    }),
  );
  const missed = plan[cancelled];
  if (missed !== undefined) {
    throw new Error(`task "${missed.task}" did not come by "${missed.at}": the scenario is not the same in every run`);
  }
  return after;
}

function pending(tasks: Iterable<Task<unknown>>): Task<unknown>[] {
  return [...tasks].filter((task) => !task.done());
}

/**
 * Delivers the waits that are decided in one moment in an order shuffled by `seed`, until the
 * result is disposed. Finds code that relies on an order of wake-ups that is not promised.
 *
 * @example
 * ```ts
 * import { shuffleWakeups } from 'maitre/testing';
 * using _ = shuffleWakeups(42);
 * ```
 */
export function shuffleWakeups(seed: number): Disposable {
  return setDeliveryHook(shuffler(seed));
}

function shuffler(seed: number): DeliveryHook {
  const random = seededRandom(seed);
  return (batch) => {
    for (let i = batch.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [batch[i], batch[j]] = [batch[j] as Delivery, batch[i] as Delivery]; // defined: both indices are inside
    }
  };
}
