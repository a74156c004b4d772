// Cancellation explored, not sampled: a scenario is run once undisturbed, and the points at which each of its tasks can be
// cancelled are written down; then it is run again for every point, with a cancel at exactly that one.
//
// The points of a task:
// - `start`: created, before its first step.
// - `wait k`: it has begun its k-th wait, and nobody has decided it.
// - `answer k`: its k-th wait was answered (or failed), and the task has not gone on: the moment in which permits, items
//   and bytes are lost by careless primitives.
// The clock is fake and wake-ups come in a fixed order, or one shuffled by a seed, so a point is met again in every run.
import {
  CancelledError,
  createTask,
  type DeliveryHook,
  setDeliveryHook,
  setInstrument,
  type Task,
  untilDone,
  type Wait,
} from '../core/index.ts';
import { type FakeClock, runWithFakeClock } from './fake-clock.ts';
import { withLeakCheck } from './leak-check.ts';
import { seededRandom } from './random.ts';

/** What a scenario gets. */
export interface Exploration {
  /** The run's clock; it jumps by itself. */
  readonly clock: FakeClock;
  /** Starts a task that the exploration may cancel. Names must be distinct. */
  task<T>(name: string, fn: () => PromiseLike<T> | T): Task<T>;
  /** Waits until all of them have ended; a cancelled one is fine, an error of another kind is thrown. */
  settled(): Promise<void>;
}

export interface ExploreOptions {
  /** Also explores with wake-ups of one moment shuffled, once for each seed. Default: [] (order of decision only). */
  readonly seeds?: readonly number[] | undefined;
  /** Runs only the point a failure has named, as `task:point:seed`. */
  readonly replay?: string | undefined;
}

interface Point {
  readonly task: string;
  /** `start`, `wait 1`, `answer 1`, ... */
  readonly at: string;
  readonly seed: number | undefined;
}

/**
 * Runs `scenario` once for every point at which each of its tasks can be cancelled. The scenario starts its tasks with
 * `x.task`, awaits `x.settled()`, then asserts what must hold whoever was cancelled: no permit out, no item gone, no one
 * waiting. Anything it leaves running fails too.
 * @returns how many points were explored
 * @throws the first failure, naming the task, the point, what it waited for, and how to replay it
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
export async function exploreCancellation(
  scenario: (x: Exploration) => PromiseLike<void> | void,
  options: ExploreOptions = {},
): Promise<number> {
  if (options.replay !== undefined) {
    await explorePoint(scenario, parseReplay(options.replay));
    return 1;
  }
  let explored = 0;
  for (const seed of [undefined, ...(options.seeds ?? [])]) {
    for (const point of await runOnce(scenario, undefined, seed)) {
      await explorePoint(scenario, point);
      explored++;
    }
  }
  return explored;
}

async function explorePoint(scenario: (x: Exploration) => PromiseLike<void> | void, point: Point): Promise<void> {
  try {
    await runOnce(scenario, point, point.seed);
  } catch (error) {
    const replay = `${point.task}:${point.at}:${point.seed ?? ''}`;
    throw new Error(
      `Cancelling task "${point.task}" at its point "${point.at}" broke the scenario: ` +
        `${error instanceof Error ? error.message : String(error)}\n    replay with { replay: ${JSON.stringify(replay)} }`,
      { cause: error },
    );
  }
}

function parseReplay(replay: string): Point {
  const [task, at, seed] = replay.split(':');
  if (task === undefined || at === undefined) throw new RangeError(`Cannot replay: expected "task:point:seed", got ${replay}`);
  return { task, at, seed: seed === undefined || seed === '' ? undefined : Number(seed) };
}

/** Runs the scenario, cancelling at `point` if there is one. Gives the points it came by. */
async function runOnce(
  scenario: (x: Exploration) => PromiseLike<void> | void,
  point: Point | undefined,
  seed: number | undefined,
): Promise<Point[]> {
  const points: Point[] = [];
  const names = new Map<Task<unknown>, string>();
  const tasks: Task<unknown>[] = [];
  const counts = new Map<string, number>();
  const numbers = new WeakMap<Wait<unknown>, number>();
  const met = (task: Task<unknown>, name: string, at: string): void => {
    points.push({ task: name, at, seed });
    if (point?.task === name && point.at === at) task.cancel(`cancelled by the exploration at ${at}`);
  };
  const waitBegun = (wait: Wait<unknown>): void => {
    const task = wait.task as Task<unknown> | undefined; // only tasks wait
    const name = task === undefined ? undefined : names.get(task);
    if (task === undefined || name === undefined) return;
    const number = (counts.get(name) ?? 0) + 1;
    counts.set(name, number);
    numbers.set(wait, number);
    // A microtask later, when the primitive has put the wait in its place; it may have been decided meanwhile.
    queueMicrotask(() => {
      if (wait.waiting) met(task, name, `wait ${number}`);
    });
  };
  const shuffle = seed === undefined ? undefined : shuffler(seed);
  const onDelivery: DeliveryHook = (batch) => {
    shuffle?.(batch);
    for (const wait of [...batch]) {
      const number = numbers.get(wait);
      const task = wait.task as Task<unknown> | undefined; // only tasks wait
      const name = task === undefined ? undefined : names.get(task);
      if (task !== undefined && name !== undefined && number !== undefined && wait.answered) met(task, name, `answer ${number}`);
    }
  };
  await withLeakCheck(() =>
    runWithFakeClock(async (clock) => {
      using _instrument = setInstrument({ waitBegun });
      using _hook = setDeliveryHook(onDelivery);
      await scenario({
        clock,
        task(name, fn) {
          if ([...names.values()].includes(name)) throw new RangeError(`Cannot explore: two tasks are named ${name}`);
          const task = createTask(fn, { name });
          names.set(task as Task<unknown>, name);
          tasks.push(task as Task<unknown>);
          met(task as Task<unknown>, name, 'start');
          return task;
        },
        async settled() {
          await untilDone(tasks, 'ALL_COMPLETED', undefined, 'settled', undefined);
          for (const task of tasks) {
            const error: unknown = task.cancelled() ? undefined : task.exception();
            if (error !== undefined && !(error instanceof CancelledError)) throw error;
          }
        },
      });
    }),
  );
  return points;
}

/**
 * Delivers what is decided in one moment in an order shuffled by `seed`, until disposed: finds code that relies on the order
 * of wake-ups beyond what is promised.
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
      [batch[i], batch[j]] = [batch[j] as Wait<unknown>, batch[i] as Wait<unknown>]; // both inside
    }
  };
}
