// What the executors of this machine do alike, beyond what every executor does.
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';
import { WorkerLostError } from 'maitre';
import type { Executor, ExecutorOptions } from 'maitre/executors';
import { executorChecks } from 'maitre/testing';
import { isBun, isDeno } from '../net/sockets.js';
import { Folder, Program } from '../support/program.js';
import { test } from '../support/test.js';
import { testEdges } from './edges.js';
import { context, request, user } from './fixtures/context.js';
import type * as jobs from './fixtures/jobs.js';

/** Runs the checks of every executor as tests, and those of an executor of this machine. */
export function testExecutor(
  title: string,
  make: (options: ExecutorOptions) => Executor,
  memory: string | false,
): void {
  const url = new URL('./fixtures/jobs.js', import.meta.url);

  for (const { name, run } of executorChecks(make)) test(`${title}: ${name}`, run, { timeout: 50_000 });

  testEdges(title, make);

  test(`${title}: a job that ends its worker gets an error with the exit code, and nobody else does`, async () => {
    await using workers = make({ size: 2 });
    const heavy = workers.module<typeof jobs>(url);
    const other = heavy.later('unharmed', 1500);
    await assert.rejects(heavy.exit(3), (error) => {
      assert.ok(error instanceof WorkerLostError);
      assert.equal(error.message, 'The worker of exit of jobs.js ended while it ran: exit code 3');
      return true;
    });
    assert.equal(await other, 'unharmed');
    assert.equal(await heavy.add(1, 2), 3);
    assert.equal(workers.statistics().lost, 1);
  });

  test(`${title}: jobs behind one that ends its worker run in the next worker, in order`, async () => {
    await using workers = make({ size: 1 });
    const heavy = workers.module<typeof jobs>(url);
    await heavy.add(1, 1); // the worker is there, so the others are sent to it in advance
    const order: number[] = [];
    const exit = assert.rejects(heavy.exit(3), WorkerLostError);
    await Promise.all([exit, ...[1, 2, 3, 4, 5].map(async (n) => order.push(await heavy.add(n, 0)))]);
    assert.deepEqual(order, [1, 2, 3, 4, 5]);
    const { lost, finished, failed } = workers.statistics();
    assert.deepEqual({ lost, finished, failed }, { lost: 1, finished: 6, failed: 1 });
  });

  test(`${title}: a job that takes its time holds up no other while there is another worker`, async () => {
    await using workers = make({ size: 2 });
    const heavy = workers.module<typeof jobs>(url);
    await Promise.all([heavy.later('', 50), heavy.later('', 50)]);
    const order: string[] = [];
    const note = async (call: Promise<string>): Promise<number> => order.push(await call);
    await Promise.all([
      note(heavy.later('long', 1000)),
      note(heavy.later('a', 1)),
      ...['b', 'c', 'd', 'e', 'f'].map((name) => note(heavy.later(name, 1))),
    ]);
    assert.equal(order.at(-1), 'long');
    assert.equal(order.length, 7);
  });

  test(
    `${title}: a job that runs out of memory loses its worker alone`,
    async () => {
      await using workers = make({ size: 2, maxMemory: 32 * 2 ** 20 });
      const heavy = workers.module<typeof jobs>(url);
      const other = heavy.later('unharmed', 1500);
      await assert.rejects(heavy.eatMemory(), (error) => {
        assert.ok(error instanceof WorkerLostError);
        assert.match(error.message, /memory|signal SIG(ABRT|KILL|TRAP)|exit code/);
        return true;
      });
      assert.equal(await other, 'unharmed');
      assert.equal(await heavy.add(1, 2), 3);
    },
    { skip: memory },
  );

  test(`${title}: a worker is replaced after maxJobs, and no job is harmed`, async () => {
    await using workers = make({ size: 1, maxJobs: 2 });
    const heavy = workers.module<typeof jobs>(url);
    const [a, b, c, d] = await Promise.all([heavy.worker(), heavy.worker(), heavy.worker(), heavy.worker()]);
    assert.equal(a, b);
    assert.equal(c, d);
    assert.notEqual(a, c);
    assert.equal(workers.statistics().lost, 0);
  });

  test(`${title}: values of the storages of context travel with each call, and with nothing else`, async () => {
    const init = new URL('./fixtures/context.js', import.meta.url);
    await using workers = make({ size: 1, init, context });
    const heavy = workers.module<typeof jobs>(url);
    assert.deepEqual(await heavy.stored(), Array(4).fill(undefined));
    const [a, b] = await Promise.all([
      request.run('A', () => heavy.stored()),
      request.run('B', () => user.run({ name: 'Ada' }, () => heavy.stored())),
    ]);
    assert.deepEqual(a, ['A', undefined, 'A', undefined]);
    assert.deepEqual(b, ['B', 'Ada', 'B', 'Ada']);
    const items: unknown[] = [];
    await request.run('C', async () => {
      for await (const item of heavy.storedItems()) items.push(item);
      assert.deepEqual(await workers.submit({ module: url, name: 'stored' }), ['C', undefined, 'C', undefined]);
    });
    assert.deepEqual(items, ['C', 'C']);
    assert.deepEqual(await heavy.stored(), Array(4).fill(undefined));
    await assert.rejects(
      user.run({ name: (() => 'Ada') as never }, () => heavy.stored()),
      { name: 'TypeError', message: /^Cannot run stored of jobs\.js: context\[1\]\.name \(.*\) cannot be cloned/ },
    );
    assert.equal(await heavy.add(1, 2), 3);
  });

  test(`${title}: a worker whose init fails does not start, and the call says why`, async () => {
    using folder = new Folder();
    const fails = pathToFileURL(folder.write('fails.mjs', 'throw new RangeError("no database")'));
    const exportsOne = pathToFileURL(
      folder.write(
        'one.mjs',
        'import { AsyncLocalStorage } from "node:async_hooks"; export const context = [new AsyncLocalStorage()];',
      ),
    );
    for (const [options, message] of [
      [{ init: fails }, /no database/],
      [{ init: exportsOne, context }, /context must have 2 instances of AsyncLocalStorage.*, got 1/],
      [{ init: url, context }, /context must have 2 instances of AsyncLocalStorage.*, got 0/],
    ] as const) {
      await using workers = make({ size: 1, ...options });
      await assert.rejects(workers.module<typeof jobs>(url).add(1, 2), (error) => {
        assert.ok(error instanceof WorkerLostError);
        assert.match(error.message, /^Cannot run add of jobs\.js: no worker could be started, /);
        assert.match((error.cause as Error).message, message);
        return true;
      });
    }
  });

  test(`${title}: a module may be TypeScript, also what the runtime does not run as it is`, async () => {
    using folder = new Folder();
    const file = folder.write(
      'heavy.ts',
      'enum Course { Soup = 3 }\nexport const add = (n: number): number => n + Course.Soup;',
    );
    await using workers = make({ size: 1 });
    const heavy = workers.module<{ add(n: number): number }>(pathToFileURL(file));
    assert.equal(await heavy.add(4), 7);
    assert.equal(await heavy.add(5), 8); // a second time
  });

  test(
    `${title}: TypeScript that the runtime does not run is a clear error without tsx`,
    async () => {
      using folder = new Folder();
      folder.write('heavy.ts', 'enum Course { Soup = 3 }\nexport const add = (n: number): number => n + Course.Soup;');
      const kind = title === 'threads' ? 'ThreadExecutor' : 'ProcessExecutor';
      const main = folder.write(
        'main.mjs',
        `import { ${kind} } from ${JSON.stringify(import.meta.resolve('maitre/executors'))};
         const heavy = new ${kind}({ size: 1 }).module(new URL('./heavy.ts', import.meta.url));
         await heavy.add(1).catch(({ message }) => console.log(message));`,
      );
      await using program = new Program([main], { cwd: folder.path });
      const { stdout } = await program.ended();
      assert.match(stdout, /^Node \d+.*; install tsx \(npm install --save-dev tsx\)/);
    },
    { skip: (isBun || isDeno) && 'this runtime runs all of TypeScript' },
  );

  test(`${title}: options are checked and named`, () => {
    const wrong: [ExecutorOptions, string, RegExp][] = [
      [{ size: 0 }, 'RangeError', /size must be an integer >= 1, got 0/],
      [{ size: '2' as never }, 'TypeError', /size must be/],
      [{ cancel: 'kill' as never }, 'RangeError', /cancel must be terminate or abandon, got "kill"/],
      [{ maxQueue: -1 }, 'RangeError', /maxQueue must be/],
      [{ cancelGrace: -1 }, 'RangeError', /cancelGrace must be a number of milliseconds >= 0/],
      [{ threads: 2 } as never, 'TypeError', /unknown option "threads"/],
      [{ init: './start.js' }, 'RangeError', /init must be a URL, such as new URL/],
      [{ context: [5] as never, init: url }, 'TypeError', /context must be an array of instances of AsyncLocalStorage/],
      [{ context }, 'TypeError', /context needs init, the module that exports the storages of a worker/],
    ];
    for (const [options, name, message] of wrong) assert.throws(() => make(options), { name, message });
  });

  test(`${title}: the stack of an error shows the line of the job`, async () => {
    await using workers = make({ size: 1 });
    const heavy = workers.module<typeof jobs>(url);
    await assert.rejects(heavy.fail(), (error: Error) => {
      assert.match(error.stack ?? '', /at fail .*jobs\.(js|ts)[\s\S]*called in the program[\s\S]*suite/);
      return true;
    });
  });
}
