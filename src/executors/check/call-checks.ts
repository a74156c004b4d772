// The promises of every Executor about calls: results, errors, streams, resources. Those about
// cancels and bounds are in cancel-checks.ts. check-executor.ts runs both.
import { createTask, InvalidStateError, Resource, WorkerLostError } from '../../core/index.ts';
import { errorOf, expect, expectError, messageOf } from '../../testing/index.ts';
import { transfer } from '../index.ts';
import { type Check, Reports } from './use.ts';

/** The names of two checks of which an executor passes one: the second with `atLeastOnce`. */
export const FAILS = 'a worker that ends fails exactly its own job, and is replaced';
export const RUNS_AGAIN = 'a job whose worker was killed runs again, with the number of its attempt, and does not fail';

/** The maximum number of items that a generator may be ahead of its consumer. */
const AHEAD = 64;

/** Every check by its name, which is the claim that holds if it passes. */
export const callChecks: Readonly<Record<string, Check>> = {
  async 'functions of a module and closed functions run, many at once'(use) {
    await use({ size: 2 }, async ({ executor, url, heavy }) => {
      expectSame(await heavy.add(2, 3), 5, 'add(2, 3)');
      const sums = await Promise.all(Array.from({ length: 50 }, (_, i) => heavy.add(i, 1)));
      expectSame(
        sums,
        Array.from({ length: 50 }, (_, i) => i + 1),
        '50 at once',
      );
      expectSame(await executor.run((n: number, m: number) => n * m, 6, 7), 42, 'a closed function');
      expectSame(await executor.submit({ module: url, name: 'later', args: ['soup', 5] }), 'soup', 'submit');
      const { size, workers, finished, failed, running, queued } = executor.statistics();
      expectSame({ finished, failed, running, queued }, { finished: 53, failed: 0, running: 0, queued: 0 }, 'figures');
      expect(workers <= size, `${workers} workers, more than size, ${size}`);
    });
  },

  async 'an error crosses with class, name, code, own fields, cause and both stacks'(use) {
    await use({ size: 1 }, async ({ heavy }) => {
      const error = (await errorOf(heavy.fail())) as RangeError & { code: string; details: object };
      expectError(error, RangeError, 'fail()');
      const { name, message, code, details, stack = '' } = error;
      expectSame([name, message, code, details], ['OwnError', 'no luck', 'E_OWN', { depth: 3 }], 'what crossed');
      expectError(error.cause, TypeError, 'the cause');
      // No names: a bundler may have changed them.
      const sides = stack.split('--- called in the program ---').filter((side) => /\bat |@/.test(side));
      expect(sides.length === 2, `the stack has not both sides: ${stack}`);
      expectSame(await thrownBy(heavy.failWith({ plain: 'object' })), { thrown: { plain: 'object' } }, 'an object');
      expectSame(await thrownBy(heavy.failWith(undefined)), { thrown: undefined }, 'undefined');
    });
  },

  async 'what cannot be cloned is a TypeError that names the place, both ways, and harms nobody'(use) {
    await use({ size: 1 }, async ({ heavy }) => {
      const bad = { list: [1, { fn: () => undefined }] };
      await expectText(heavy.add(1, bad as never), TypeError, /args\[1\]\.list\[1\]\.fn \(the function fn\)/);
      await expectText(heavy.unsendable(), TypeError, /result\.rows\[1\]\.close \(the function close\)/);
      await expectText(() => heavy.progress.with({ onProgress: 5 as never })(), TypeError, /onProgress must be/);
      expectSame(await heavy.add(1, 1), 2, 'the next job');
    });
  },

  async 'a function that is not there, or not closed, is a clear error'(use) {
    await use({ size: 1 }, async ({ executor, url }) => {
      const wrong = executor.module<{ nothing(): void }>(url);
      await expectText(wrong.nothing(), TypeError, /exports no function "nothing", only .*add, /);
      await expectText(() => executor.run(Math.max, 1, 2), TypeError, /the function max/);
      await expectText(() => executor.module('./heavy.js'), TypeError, /new URL\("\.\/heavy\.js", import\.meta\.url\)/);
      const outside = 5;
      const open = await errorOf(executor.run(() => outside));
      expectError(open, ReferenceError, 'a function that is not closed');
    });
  },

  async 'progress comes in order, before the result'(use) {
    await use({ size: 1 }, async ({ heavy }) => {
      const { all, onProgress } = new Reports();
      expectSame(await heavy.progress.with({ onProgress })(), 'done', 'progress()');
      expectSame(all, [{ done: 0.5 }, 'nearly'], 'what was reported');
    });
  },

  async 'a buffer that is marked by transfer() goes over and comes back'(use) {
    await use({ size: 1 }, async ({ heavy }) => {
      const pixels = new Uint8Array([0, 1, 255]);
      const inverted = await heavy.invert(transfer(pixels));
      expectSame([...inverted], [255, 254, 0], 'what came back');
      expect(pixels.length === 0 || pixels.length === 3, 'it was neither moved nor copied');
    });
  },

  async 'a generator is a stream, and every item comes once and in order'(use) {
    await use({ size: 1 }, async ({ heavy }) => {
      const all: number[] = [];
      for await (const item of heavy.count(1000)) all.push(item);
      expectSame(
        all,
        Array.from({ length: 1000 }, (_, i) => i + 1),
        'the items',
      );
      const broken: number[] = [];
      const error = await errorOf(collect(heavy.breaks(), broken));
      expectError(error, RangeError, 'a generator that throws');
      expectSame([messageOf(error), broken], ['broken after one', [1]], 'what came before the error');
      await expectText(collect(heavy.unsendableItems(), []), TypeError, /items\[0\]\.close \(the function close\)/);
      await expectText(heavy.count(5) as unknown as Promise<never>, TypeError, /is a generator, write for await/);
      await expectText(collect(heavy.add(1, 2) as never, []), TypeError, /is no generator, write await/);
      expectSame(await heavy.add(1, 2), 3, 'the next job');
    });
  },

  async 'a generator is at most 64 items ahead, and leaving the loop ends it'(use) {
    await use({ size: 1 }, async ({ executor, heavy }) => {
      const { all, onProgress } = new Reports();
      for await (const item of heavy.count.with({ onProgress })(1_000_000)) if (item === 100) break;
      const [made = 0] = all as number[];
      expect(made >= 100 && made <= 100 + AHEAD, `${made} items were made, 100 were taken`);
      expectSame(executor.statistics().running, 0, 'jobs that run after the loop');
    });
  },

  async 'an item of a generator comes when it is made, not when there are many'(use) {
    await use({ size: 1 }, async ({ heavy }) => {
      const seen: number[] = [];
      for await (const item of heavy.stops()) {
        seen.push(item);
        if (item === 2) break; // the third never comes
      }
      expectSame(seen, [1, 2], 'the items');
    });
  },

  async [FAILS](use) {
    await use({ size: 2 }, async ({ executor, heavy }) => {
      await Promise.all([heavy.later('', 50), heavy.later('', 50)]); // both workers are there
      const other = heavy.later('unharmed', 1000);
      const error = await errorOf(heavy.throwOutside());
      expectError(error, WorkerLostError, 'a job whose worker has ended');
      expect(/throwOutside/.test(messageOf(error)), `the error does not name the job: ${messageOf(error)}`);
      const { cause } = error as WorkerLostError;
      expect(/thrown in a timer/.test(messageOf(cause)), `the cause is not what ended it: ${messageOf(cause)}`);
      expectSame(await other, 'unharmed', 'the job of the other worker');
      expectSame(await heavy.add(1, 2), 3, 'the next job');
      expectSame(executor.statistics().lost, 1, 'workers lost');
    });
  },

  async [RUNS_AGAIN](use) {
    await use({ size: 2 }, async ({ executor, heavy }) => {
      const other = heavy.later('unharmed', 1000);
      expectSame(await heavy.throwOutsideOnce(), 2, 'the attempt that returned');
      expectSame(await other, 'unharmed', 'the job of the other worker');
      expectSame(await heavy.add(1, 2), 3, 'the next job');
      const { lost, failed, finished } = executor.statistics();
      expectSame({ lost, failed, finished }, { lost: 1, failed: 0, finished: 3 }, 'figures');
    });
  },

  async 'a job is a live resource from its call to its end, and the executor is its parent'(use) {
    await use({ size: 1, name: 'kitchen' }, async ({ heavy }) => {
      const jobs = (): Resource[] => [...Resource.live].filter(({ kind }) => kind === 'job');
      const task = createTask(() => heavy.later('', 50), { eager: true });
      const [job, ...more] = jobs();
      expect(more.length === 0 && /later/.test(String(job)), `live jobs: ${[job, ...more].join(', ')}`);
      expectSame(job?.parent?.kind, 'executor', 'the kind of its parent');
      expectSame(job?.parent?.name, 'kitchen', 'the name of its parent');
      await task;
      expectSame(jobs().map(String), [], 'live jobs after its end');
    });
  },

  async 'shutdown lets jobs end, and takes no more of them'(use) {
    await use({ size: 1 }, async ({ executor, heavy }) => {
      const soon = heavy.later('soon', 50);
      expectSame(await executor.shutdown(), { finished: 1, cancelled: 0, terminated: 0 }, 'the report');
      expectSame(await soon, 'soon', 'the job');
      expectError(await errorOf(() => heavy.add(1, 2)), InvalidStateError, 'a call after shutdown');
    });
  },
};

async function collect<T>(items: AsyncIterable<T>, into: T[]): Promise<void> {
  for await (const item of items) into.push(item);
}

/** Returns what a call threw, told apart from no error at all. */
async function thrownBy(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    (value) => ({ value }),
    (thrown: unknown) => ({ thrown }),
  );
}

async function expectText(
  work: PromiseLike<unknown> | (() => unknown),
  kind: abstract new (...args: never[]) => Error,
  text: RegExp,
): Promise<void> {
  const error = await errorOf(work);
  expectError(error, kind, 'a wrong call');
  expect(text.test(messageOf(error)), `the error does not say ${text}: ${messageOf(error)}`);
}

/** Compares plain data. */
export function expectSame(got: unknown, wanted: unknown, what: string): void {
  const [a, b] = [got, wanted].map((each) => JSON.stringify(each));
  expect(a === b, `${what}: ${a}, expected ${b}`);
}
