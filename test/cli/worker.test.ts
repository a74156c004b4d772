// `maitre worker`: serves a queue until a signal, and says in one line why it cannot.
import assert from 'node:assert/strict';
import { createTask } from 'maitre';
import { BullExecutor } from 'maitre/distributed';
import { endsWith, Folder, maitre, Program, runMaitre } from '../support/program.js';
import { noRedis, RedisServer } from '../support/redis.js';
import { test } from '../support/test.js';
import { untilTrue } from '../support/waits.js';

const redis = await RedisServer.shared();

const HEAVY = `
export const add = (a, b) => a + b;
export const slow = () => new Promise(() => undefined);
export const sleepy = (ms) => new Promise((resolve) => void setTimeout(resolve, ms, 'done'));`;

interface Heavy {
  add(a: number, b: number): number;
  slow(): Promise<never>;
  sleepy(ms: number): Promise<string>;
}

test(
  'maitre worker serves the functions of FILE, and a signal lets its jobs end',
  async () => {
    using folder = new Folder();
    const file = folder.write('heavy.mjs', HEAVY);
    await using program = new Program([maitre, 'worker', file, '--redis', redis.url, '--concurrency', '2']);
    await program.sees(/^maitre worker: serving heavy from queue jobs, 2 at once, as tasks\n/);
    await using executor = new BullExecutor({ redis: redis.url });
    const heavy = executor.module<Heavy>('heavy');
    assert.equal(await heavy.add(2, 3), 5);
    const sleepy = createTask(() => heavy.sleepy(1000), { eager: true });
    await untilTrue(() => executor.statistics().running === 1);
    const end = await endsWith(program, 'SIGTERM', 0, 15_000);
    assert.equal(await sleepy, 'done');
    assert.match(end.stdout, /stopping\nmaitre worker: stopped: 1 finished, 0 given back, 0 terminated\n$/);
  },
  { skip: noRedis },
);

test(
  'a job that does not end within the grace goes back to the queue, and the next worker runs it',
  async () => {
    using folder = new Folder();
    const file = folder.write('heavy.mjs', HEAVY);
    using another = new Folder();
    const other = another.write('heavy.mjs', HEAVY.replace('new Promise(() => undefined)', '"from the second"'));
    await using executor = new BullExecutor({ redis: redis.url, queue: 'returned' });
    const start = (path: string): Program =>
      new Program([
        maitre,
        'worker',
        path,
        '--redis',
        redis.url,
        '--queue',
        'returned',
        '--grace',
        '50',
        '--cancel-grace',
        '50',
      ]);
    await using first = start(file);
    await first.sees(/serving/);
    const attempts: number[] = [];
    const call = executor.module<Heavy>('heavy').slow.with({ onAttempt: (n) => void attempts.push(n) });
    const job = createTask(() => call(), { eager: true });
    await untilTrue(() => executor.statistics().running === 1);
    const { stdout } = await endsWith(first, 'SIGTERM', 0, 15_000);
    assert.match(stdout, /stopped: 0 finished, 1 given back, 1 terminated/);
    await using second = start(other);
    assert.equal(await job, 'from the second');
    assert.deepEqual(attempts, [1, 2]);
    second.signal('SIGTERM');
    await second.ended();
  },
  { skip: noRedis },
);

test('what cannot be served is one line, and an exit code', async () => {
  using folder = new Folder();
  const file = folder.write('heavy.mjs', HEAVY);
  const broken = folder.write('broken.mjs', 'export const x = ;');
  const empty = folder.write('empty.mjs', 'export const x = 5;');
  for (const [args, code, text] of [
    [['gone.mjs'], 2, /^maitre: cannot work with gone\.mjs: there is no such file \(maitre worker --help/],
    [[file, '--concurrency', '0'], 2, /--concurrency/],
    [
      [file, '--redis', 'redis://127.0.0.1:1'],
      1,
      /^maitre: Cannot start worker: no Redis answers at 127\.0\.0\.1:1 \(.*\); start redis-server/,
    ],
    [[file, '--redis', 'nowhere'], 1, /redis must be a URL such as/],
    ...(noRedis === undefined
      ? [[[broken, '--redis', redis.url], 1, /^maitre: cannot work with .*broken\.mjs: .*Unexpected/] as const]
      : []),
    ...(noRedis === undefined
      ? [
          [
            [empty, '--redis', redis.url],
            1,
            /^maitre: Cannot start worker: the module empty exports no function; export those that jobs call/,
          ] as const,
        ]
      : []),
  ] as const) {
    const end = await runMaitre(['worker', ...args]);
    assert.equal(end.code, code, end.stderr);
    assert.match(end.stderr, text);
  }
});
