// What jobs of a BullExecutor have beyond those of every executor: keys, retries, dead jobs, priorities, delays, repeated
// jobs, limits of size and time, and who may call what.
import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { inspect } from 'node:util';
import {
  createTask,
  currentDeadline,
  loopTime,
  QueueFull,
  setExceptionHandler,
  sleep,
  type Task,
  TimeoutError,
  timeout,
} from 'maitre';
import {
  BullExecutor,
  type BullExecutorOptions,
  jobAttempt,
  jobSignal,
  RedisBroadcast,
  redisRateLimit,
  report,
  worker,
  type WorkerOptions,
} from 'maitre/distributed';
import { type KitchenRow, Sampler, takeSnapshot } from '#src/introspect/index.js';
import { noRedis, RedisServer } from '../support/redis.js';
import { test as plainTest } from '../support/test.js';
import { untilTrue } from '../support/waits.js';
import { newPrefix, startMachine } from './machines.js';
import { SilentWire } from './silent-wire.js';

const redis = await RedisServer.shared();

/** What the jobs of this file do: they run as tasks of this process, so they can tell. */
const ran: string[] = [];
/** Ends the job that ignores its cancel. */
let release = (): void => undefined;
const kitchen = {
  cook: (dish: string): string => {
    ran.push(dish);
    return `${dish} is ready`;
  },
  fails: (times: number, name: string): string => {
    ran.push(`${name} ${jobAttempt()}`);
    if (jobAttempt() <= times) throw new RangeError(`burnt ${jobAttempt()}`);
    return `${name} after ${jobAttempt()}`;
  },
  waits: async (name: string): Promise<never> => {
    ran.push(`${name} began`);
    try {
      return await sleep(600_000, undefined as never);
    } finally {
      ran.push(`${name} cleaned up`);
    }
  },
  both: async (name: string): Promise<string> => {
    report(`${name} 1`);
    await sleep(20);
    report(`${name} 2`);
    return jobSignal().aborted ? 'aborted' : name;
  },
  left: (): number => (currentDeadline() ?? Infinity) - loopTime(),
  large: (size: number): string => 'x'.repeat(size),
  async *pages(size: number): AsyncGenerator<string> {
    yield* ['first', 'x'.repeat(size)];
  },
  ignores: (): Promise<void> =>
    new Promise((resolve) => {
      release = resolve;
    }),
};
type Kitchen = typeof kitchen;

interface Both {
  readonly executor: BullExecutor;
  readonly second: BullExecutor;
  readonly prefix: string;
}

/** A test with two executors and a worker in this process. */
function test(
  name: string,
  body: (both: Both) => Promise<void>,
  more: { worker?: Partial<WorkerOptions>; executor?: Partial<BullExecutorOptions> } = {},
): void {
  plainTest(
    name,
    async () => {
      ran.length = 0;
      const prefix = newPrefix();
      await using _ = await worker({ redis: redis.url, prefix, modules: { kitchen }, ...more.worker });
      await using executor = new BullExecutor({ redis: redis.url, prefix, ...more.executor });
      await using second = new BullExecutor({ redis: redis.url, prefix });
      await body({ executor, second, prefix });
    },
    { skip: noRedis },
  );
}

test('calls with the same key run once, and all callers get the result, also one that comes later', async ({
  executor,
  second,
}) => {
  const [a, b] = [executor, second].map((each) => each.module<Kitchen>('kitchen').cook.with({ key: 'order:17' }));
  assert.ok(a !== undefined && b !== undefined);
  const all = await Promise.all([a('soup'), a('salad'), b('bread')]);
  assert.equal(new Set(all).size, 1);
  assert.equal(await b('late'), all[0]);
  assert.equal(ran.length, 1);
});

test('a job with a key goes on until its last caller is cancelled', async ({ executor, second }) => {
  const start = (each: BullExecutor) =>
    createTask(() => each.module<Kitchen>('kitchen').waits.with({ key: 'soup' })('soup'), { eager: true });
  const [first, other] = [start(executor), start(second)];
  await untilTrue(() => executor.statistics().running === 1 && second.statistics().running === 1);
  first.cancel();
  await assert.rejects(first, { name: 'CancelledError' });
  assert.deepEqual(ran, ['soup began']);
  other.cancel();
  await assert.rejects(other, { name: 'CancelledError' });
  assert.deepEqual(ran, ['soup began', 'soup cleaned up']);
});

test(
  'a job with a key is cancelled with its only caller, also after the key was used before',
  async ({ executor, prefix }) => {
    const { cook, waits } = executor.module<Kitchen>('kitchen');
    await cook.with({ key: 'soup' })('first');
    await cook.with({ key: 'soup' })('a second caller of the same');
    while ((await redis.ask(`EXISTS ${prefix}:jobs:key-soup:waiters`)) !== 0) await sleep(5); // told without a wait
    await sleep(1100);
    await cook('the end of a job removes older results');
    const task = createTask(() => waits.with({ key: 'soup' })('again'), { eager: true });
    await untilTrue(() => ran.includes('again began'));
    task.cancel();
    await assert.rejects(task, { name: 'CancelledError' });
    assert.ok(ran.includes('again cleaned up'));
  },
  { executor: { resultTtl: 1000 } },
);

test('a job that fails runs again, and its attempts are told to it and to its caller', async ({ executor }) => {
  const attempts: number[] = [];
  const options = { attempts: 3, backoff: 1, onAttempt: (n: number) => void attempts.push(n) };
  assert.equal(await executor.module<Kitchen>('kitchen').fails.with(options)(2, 'soup'), 'soup after 3');
  assert.deepEqual(ran, ['soup 1', 'soup 2', 'soup 3']);
  assert.deepEqual(attempts, [1, 2, 3]);
});

test('a dead job is kept, can be listed, and runs again when somebody says so', async ({ executor, second }) => {
  const { fails } = executor.module<Kitchen>('kitchen');
  const call = fails.with({ attempts: 2, backoff: { type: 'fixed', delay: 1, jitter: 0 }, name: 'stew' });
  await assert.rejects(call(2, 'stew'), (error) => {
    assert.ok(error instanceof RangeError);
    assert.equal((error as RangeError & { attempt: number }).attempt, 2);
    return true;
  });
  const [dead, ...more] = await second.deadJobs();
  assert.equal(more.length, 0);
  assert.ok(dead !== undefined);
  const { name, module, fn, args, attempts, error } = dead;
  assert.deepEqual(
    { name, module, fn, args, attempts },
    { name: 'stew', module: 'kitchen', fn: 'fails', args: [2, 'stew'], attempts: 2 },
  );
  assert.ok(error instanceof RangeError && error.message === 'burnt 2');
  assert.equal(await second.retryDead(dead.id), true);
  await untilTrue(() => ran.includes('stew 3'));
  assert.deepEqual(await second.deadJobs(), []);
  assert.equal(await second.retryDead(dead.id), false);
  assert.equal(await second.retryDead('nobody'), false);
});

test('what is enqueued runs without a caller, in the order of its priority', async ({ executor }) => {
  const job = (dish: string) => ({ module: 'kitchen', name: 'cook', args: [dish] });
  const busy = createTask(() => executor.module<Kitchen>('kitchen').waits('stove'), { eager: true });
  await untilTrue(() => ran.length === 1);
  await executor.enqueue(job('later'), { priority: 20 });
  await executor.enqueue(job('sooner'), { priority: 10 });
  await executor.enqueue(job('at once'));
  busy.cancel();
  await assert.rejects(busy, { name: 'CancelledError' });
  await untilTrue(() => ran.length === 5);
  assert.deepEqual(ran.slice(2), ['at once', 'sooner', 'later']);
});

test('a delayed job waits its time, and a cancel removes it', async ({ executor }) => {
  const { cook } = executor.module<Kitchen>('kitchen');
  const late = createTask(() => cook.with({ delay: 600_000 })('never'), { eager: true });
  await untilTrue(() => executor.statistics().queued === 1);
  assert.equal(await cook.with({ delay: 30 })('soon'), 'soon is ready');
  late.cancel();
  await assert.rejects(late, { name: 'CancelledError' });
  assert.deepEqual(ran, ['soon']);
});

test('a job can repeat until it is unscheduled', async ({ executor, second }) => {
  const job = { module: 'kitchen', name: 'cook', args: ['bread'] };
  await executor.schedule('bread', job, { every: 50 });
  await untilTrue(() => ran.length >= 3);
  const [schedule] = await second.schedules();
  assert.deepEqual([schedule?.key, schedule?.every], ['bread', 50]);
  assert.equal(await second.unschedule('bread'), true);
  assert.equal(await second.unschedule('bread'), false);
  assert.deepEqual(await second.schedules(), []);
  await executor.schedule('night', job, { cron: '0 15 3 * * *', timeZone: 'Europe/Berlin' });
  assert.equal((await second.schedules())[0]?.cron, '0 15 3 * * *');
  await assert.rejects(executor.schedule('bad', job, {}), /expected every, in milliseconds, or cron, and not both/);
  for (const [options, message] of [
    [
      { every: 0.5 },
      /^RangeError: Cannot schedule job: every must be milliseconds from 1 to a thousand years, got 0\.5$/,
    ],
    [{ every: Infinity }, /every must be milliseconds from 1/],
    [{ cron: '' }, /cron must be text that is not empty/],
    [{ cron: '0 0 * * *', timeZone: 'Mars/X' }, /timeZone must be the name of a time zone, such as 'Europe\/Berlin'/],
    [{ cron: 'often' }, /^TypeError: Cannot schedule job: cron must have five fields, .* got "often" \(.*\)$/],
    [{ cron: '61 * * * *' }, /cron must have five fields, .* \(.*61.*\)$/],
    [{ every: 1000, delay: Infinity }, /delay must be milliseconds from 0 to a thousand years, got Infinity/],
  ] as const)
    await assert.rejects(executor.schedule('bad', job, options), (error) => message.test(String(error)));
});

test(
  'arguments and results have a limit, and the error says which and what to do',
  async ({ executor }) => {
    const { cook, large } = executor.module<Kitchen>('kitchen');
    await assert.rejects(cook('x'.repeat(3000)), {
      name: 'RangeError',
      message:
        /^Cannot run cook of kitchen: its arguments take 3004 bytes of JSON, maxPayload is 2000; store the data elsewhere/,
    });
    await assert.rejects(large(2000), {
      name: 'RangeError',
      message: /^Cannot return from large of kitchen: its result takes 2002 bytes/,
    });
    assert.equal((await large(10)).length, 10);
    const readAll = async (): Promise<void> => {
      for await (const page of executor.module<Kitchen>('kitchen').pages(2000)) assert.equal(page, 'first');
    };
    await assert.rejects(readAll(), {
      name: 'RangeError',
      message: /^Cannot return from pages of kitchen: an item takes 2002 bytes of JSON, maxPayload is 2000/,
    });
  },
  { executor: { maxPayload: 2000 }, worker: { maxPayload: 2000 } },
);

test(
  'a timeout frees the place of a job that never ends, and the worker goes on',
  async ({ executor }) => {
    const { ignores, cook } = executor.module<Kitchen>('kitchen');
    const heard: unknown[] = [];
    using _ = setExceptionHandler(({ error }) => void heard.push(error));
    await assert.rejects(ignores.with({ timeout: 20 })(), (error) => {
      assert.ok(error instanceof TimeoutError);
      assert.match(error.message, /it ran for 20 ms/);
      return true;
    });
    assert.equal(await cook('next'), 'next is ready');
    assert.equal(executor.statistics().terminated, 1);
    assert.match(
      String(heard),
      /^Error: ignores of kitchen \(.*\) did not end when it was cancelled\. Its place is free, but it still runs$/,
    );
    release();
  },
  { worker: { cancelGrace: 20 } },
);

test('the deadline of the caller is that of the job, and of what it calls', async ({ executor }) => {
  const { left, waits } = executor.module<Kitchen>('kitchen');
  assert.equal(await left(), Infinity);
  const ms = await timeout(60_000, () => left());
  assert.ok(ms > 0 && ms <= 60_000, String(ms));
  await assert.rejects(
    timeout(100, () => waits('soup')),
    TimeoutError,
  );
  assert.deepEqual(ran, ['soup began', 'soup cleaned up']);
});

test(
  'jobs that run at once in one thread have reports and signals of their own',
  async ({ executor }) => {
    const names = ['a', 'b', 'c'];
    const reports = new Map<string, unknown[]>();
    const results = await Promise.all(
      names.map((name) => {
        const all: unknown[] = [];
        reports.set(name, all);
        return executor.module<Kitchen>('kitchen').both.with({ onProgress: (value) => void all.push(value) })(name);
      }),
    );
    assert.deepEqual(results, names);
    for (const name of names) assert.deepEqual(reports.get(name), [`${name} 1`, `${name} 2`]);
  },
  { worker: { concurrency: 3 } },
);

test('a job names a module that the worker serves, and one of its functions', async ({ executor }) => {
  const wrong = (module: string, name: string): Promise<unknown> => executor.submit({ module, name });
  await assert.rejects(wrong('file:///etc/passwd.js', 'x'), /does not serve the module "passwd", only kitchen/);
  await assert.rejects(wrong('__proto__', 'x'), /does not serve the module "__proto__"/);
  await assert.rejects(wrong('kitchen', 'constructor'), /"constructor" is no function of a module/);
  await assert.rejects(wrong('kitchen', 'nothing'), /exports no function "nothing", only cook, /);
  await assert.rejects(
    executor.run(() => 1),
    /this worker runs no functions that come as text; put it into a module/,
  );
});

test('machines and what they run can be seen from everywhere', async ({ executor, second }) => {
  const soup = createTask(() => executor.module<Kitchen>('kitchen').waits.with({ name: 'soup' })('soup'), {
    eager: true,
  });
  await untilTrue(() => ran.length === 1);
  for (;;) {
    const [machine, ...more] = await second.machines();
    assert.equal(more.length, 0);
    assert.deepEqual(
      [machine?.pid, machine?.concurrency, machine?.modules, machine?.stopping],
      [process.pid, 1, ['kitchen'], false],
    );
    const [job] = machine?.jobs ?? [];
    if (job === undefined) {
      await sleep(50); // it tells others every two seconds
      continue;
    }
    assert.deepEqual([job.name, job.attempt], ['soup', 1]);
    assert.ok(job.since <= Date.now() + 1000);
    break;
  }
  const { size, connected } = second.statistics();
  assert.equal(connected, true);
  assert.ok(size <= 1);
  soup.cancel();
  await assert.rejects(soup, { name: 'CancelledError' });
});

test('the executor is a kitchen: its machines, their places, and who waits for what', async ({ prefix }) => {
  await using executor = new BullExecutor({ redis: redis.url, prefix, name: 'far' });
  await using second = new BullExecutor({ redis: redis.url, prefix, name: 'other' });
  const { waits } = executor.module<Kitchen>('kitchen');
  const [soup, salad] = ['soup', 'salad'].map((name) =>
    createTask(() => waits.with({ name })(name), { name, eager: true }),
  ) as [Task<never>, Task<never>];
  const machine = `${hostname()}:${process.pid}`;
  await untilTrue(() => {
    const rows = takeSnapshot().resources.filter(({ label }) => label === 'soup');
    return rows.some(({ statistics }) => statistics['machine'] === machine && statistics['attempt'] === 1);
  });
  const sampler = new Sampler();
  const kitchenOf = (each: BullExecutor) =>
    sampler.take().kitchens.find(({ executor: label }) => label === each.label) as KitchenRow;
  await untilTrue(() => kitchenOf(second).workers.length === 0); // it has not connected
  await untilTrue(() => kitchenOf(executor).size === 1);
  const { queued, next, machines, workers } = kitchenOf(executor);
  const [place, ...more] = workers;
  assert.deepEqual([queued, machines, more], [1, 1, []]);
  assert.deepEqual(next, [{ job: 'salad', table: salad.id }]);
  assert.ok(place !== undefined && place.since !== null && place.since <= loopTime());
  assert.deepEqual({ ...place, since: 0 }, { job: 'soup', table: soup.id, since: 0, machine, attempt: 1 });
  // Another program sees who works there, too. For whom, it does not know.
  await second.machines();
  await untilTrue(() => kitchenOf(second).workers[0]?.job === 'soup');
  assert.equal(kitchenOf(second).workers[0]?.table, null);
  for (const task of [salad, soup]) {
    task.cancel();
    await assert.rejects(task, { name: 'CancelledError' });
  }
});

test('a job that is to be retried waits in the queue again', async ({ executor }) => {
  const { fails } = executor.module<Kitchen>('kitchen');
  const call = createTask(() => fails.with({ attempts: 2, backoff: { type: 'fixed', delay: 600_000 } })(1, 'stew'), {
    eager: true,
  });
  await untilTrue(() => ran.length === 1 && executor.statistics().queued === 1);
  assert.equal(executor.statistics().running, 0);
  call.cancel();
  await assert.rejects(call, { name: 'CancelledError' });
});

test('statistics() takes no cancel of the task that asks for it', async ({ executor }) => {
  await executor.module<Kitchen>('kitchen').cook('soup'); // connects
  await sleep(2100); // longer than the list of machines is taken for new
  const task = createTask(async () => {
    task.cancel();
    executor.statistics();
    await sleep(0);
  });
  await assert.rejects(task, { name: 'CancelledError' });
});

test(
  'the queue of an executor is bounded',
  async ({ executor }) => {
    const { waits, cook } = executor.module<Kitchen>('kitchen');
    const busy = createTask(() => waits('stove'), { eager: true });
    await untilTrue(() => executor.statistics().running === 1);
    const queued = cook('queued');
    await assert.rejects(cook('one more'), QueueFull);
    busy.cancel();
    await assert.rejects(busy, { name: 'CancelledError' });
    assert.equal(await queued, 'queued is ready');
  },
  { executor: { maxQueue: 1, overflow: 'reject' } },
);

test(
  'a result is kept for its time to live, and not longer',
  async ({ executor, prefix }) => {
    const { cook } = executor.module<Kitchen>('kitchen');
    await cook.with({ key: 'old' })('soup');
    await sleep(1100);
    await cook('salad'); // the end of a job removes older results
    assert.equal(await redis.ask(`EXISTS ${prefix}:jobs:key-old`), 0);
    await cook.with({ key: 'old' })('soup');
    assert.deepEqual(ran, ['soup', 'salad', 'soup']);
  },
  { executor: { resultTtl: 1000 } },
);

plainTest(
  'workers of a queue must look for lost jobs in the same way',
  async () => {
    const prefix = newPrefix();
    await using _ = await worker({ redis: redis.url, prefix, modules: { kitchen }, lock: 5000 });
    await assert.rejects(worker({ redis: redis.url, prefix, modules: { kitchen }, lock: 6000 }), {
      name: 'TypeError',
      message:
        /^Cannot start worker: the workers of the queue "jobs" have .*5000.*, this one has .*6000.*; all must have the same$/,
    });
  },
  { skip: noRedis },
);

plainTest('without Redis a call says so in one line, and the next one tries again', async () => {
  await using executor = new BullExecutor({ redis: 'redis://127.0.0.1:1' });
  for (let i = 0; i < 2; i++) {
    await assert.rejects(executor.module<Kitchen>('kitchen').cook('soup'), {
      name: 'ConnectionLostError',
      message: /^Cannot use executor: no Redis answers at 127\.0\.0\.1:1 \(.*\); start redis-server there/,
    });
  }
  const { failed, queued, connected } = executor.statistics();
  assert.deepEqual({ failed, queued, connected }, { failed: 2, queued: 0, connected: false });
  await assert.rejects(executor.enqueue({ module: 'kitchen', name: 'cook' }), /no Redis answers/);
});

plainTest(
  'whatever is asked while Redis is silent rejects after offlineTimeout, again and again, and a shutdown ends',
  async () => {
    await using server = await RedisServer.start();
    const executor = new BullExecutor({ redis: server.url, offlineTimeout: 500 });
    const job = { module: 'kitchen', name: 'cook' };
    await executor.enqueue(job);
    await server.freeze();
    for (let i = 0; i < 2; i++) {
      const all = [executor.enqueue(job), executor.machines(), executor.schedules(), executor.deadJobs()];
      for (const { status, reason } of (await Promise.allSettled(all)) as PromiseRejectedResult[]) {
        assert.equal(status, 'rejected');
        assert.match(
          String(reason),
          /^ConnectionLostError: Cannot (?:enqueue|list machines|list schedules|list dead jobs): Redis has been away for 500 ms/,
        );
      }
      await assert.rejects(executor.module<Kitchen>('kitchen').cook('soup'), /Redis has been away for 500 ms/);
    }
    const late = executor.unschedule('key');
    const [closed] = await Promise.all([
      executor.shutdown(),
      assert.rejects(late, /^(?:InvalidState|ConnectionLost)Error: Cannot unschedule: /),
    ]);
    assert.deepEqual(closed, { finished: 0, cancelled: 0, terminated: 0 });
    server.thaw();
  },
  { skip: noRedis },
);

plainTest(
  'what Redis refuses is said in one line, with what to do, and not for ever',
  async () => {
    await using server = await RedisServer.start();
    const heard: unknown[] = [];
    using _ = setExceptionHandler(({ error }) => void heard.push(error));
    const serving = await worker({ redis: server.url, modules: { kitchen } });
    await using executor = new BullExecutor({ redis: server.url });
    const { cook } = executor.module<Kitchen>('kitchen');
    await cook('soup');
    await executor.enqueue({ module: 'kitchen', name: 'cook', args: ['later'] }, { delay: 200 });
    await server.ask('CONFIG SET maxmemory 1');
    const advice =
      "Redis refuses it (OOM command not allowed when used memory > 'maxmemory'.); raise its maxmemory, or let it keep less";
    const said = (action: string) => (error: unknown) => {
      assert.ok(error instanceof Error);
      assert.equal(error.message, `Cannot ${action}: ${advice}`);
      assert.doesNotMatch(inspect(error), /script|evalsha|salad/);
      return true;
    };
    await assert.rejects(cook('salad'), said('run cook of kitchen'));
    await assert.rejects(executor.enqueue({ module: 'kitchen', name: 'cook' }), said('enqueue'));
    await using letters = redisRateLimit('letters', 1, 1000, { redis: server.url });
    await assert.rejects(letters.acquire(), said('acquire'));
    await using news = new RedisBroadcast('news', { redis: server.url, replay: true });
    await assert.rejects(news.publish('salad'), said('publish'));
    await untilTrue(() => heard.length > 0);
    await sleep(200);
    assert.equal(heard.length, 1);
    said('take or end a job')(heard[0]);
    await server.ask('CONFIG SET maxmemory 0');
    assert.equal(await cook('bread'), 'bread is ready');
    await serving.shutdown();
  },
  { skip: noRedis },
);

plainTest(
  'a delay is as long as it says although the clock of the caller is an hour ahead',
  async () => {
    const prefix = newPrefix();
    const modules = { jobs: import.meta.resolve('#src/executors/check/jobs.js') };
    await using _ = await startMachine({ redis: redis.url, prefix, modules });
    const { now } = Date;
    Date.now = () => now() + 3_600_000;
    try {
      await using executor = new BullExecutor({ redis: redis.url, prefix });
      const jobs = executor.module<{ add(a: number, b: number): number }>('jobs');
      assert.equal(await timeout(30_000, () => jobs.add.with({ delay: 100 })(1, 2)), 3);
    } finally {
      Date.now = now;
    }
  },
  { skip: noRedis },
);

plainTest('an executor that is still connecting is shut down at once', async () => {
  await using wire = await SilentWire.start(1);
  wire.cut();
  const executor = new BullExecutor({ redis: `redis://127.0.0.1:${wire.port}` });
  const asked = assert.rejects(executor.machines(), { name: 'CancelledError' });
  const call = assert.rejects(executor.module<Kitchen>('kitchen').cook('soup'), { name: 'CancelledError' });
  await sleep(20);
  await executor.shutdown({ grace: 0 });
  await asked;
  await call;
});

plainTest('options are checked and named', async () => {
  for (const [options, message] of [
    [{ redis: 'localhost' }, /redis must be a URL/],
    [{ redis: redis.url, prefix: '' }, /prefix must be/],
    [{ redis: redis.url, queue: 'a:b' }, /queue must be text without a colon/],
    [{ redis: redis.url, resultTtl: 0 }, /resultTtl must be/],
    [{ redis: redis.url, concurrency: 1 }, /unknown option "concurrency"/],
  ] as const)
    assert.throws(() => new BullExecutor(options as never), message);
  await using executor = new BullExecutor({ redis: 'redis://127.0.0.1:1' });
  const { cook } = executor.module<Kitchen>('kitchen');
  for (const [options, message] of [
    [{ attempts: 0 }, /attempts must be an integer >= 1/],
    [{ key: '' }, /key must be/],
    [{ backoff: { jitter: 2 } }, /backoff\.jitter must be a number from 0 to 1/],
    [{ delay: -1 }, /delay must be/],
    [{ priority: 0 }, /priority must be/],
  ] as const)
    assert.throws(() => cook.with(options)('soup'), message);
  for (const [options, message] of [
    [{ redis: redis.url, modules: { a: './a.js' } }, /modules must be modules by name/],
    [{ redis: redis.url, modules: {}, isolation: 'vm' }, /isolation must be tasks, threads or processes/],
    [
      { redis: redis.url, modules: { kitchen }, isolation: 'threads' },
      /with isolation threads, the module kitchen must be a URL/,
    ],
  ] as const)
    await assert.rejects(worker(options as never), message);
});
