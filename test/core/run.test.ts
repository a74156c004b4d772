/* oxlint-disable typescript/no-misused-promises -- finally() waits for the promise it is given: a cleanup that waits */
import assert from 'node:assert/strict';
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  CancelledError,
  createTask,
  currentTask,
  type ExceptionContext,
  gather,
  InvalidStateError,
  run,
  setExceptionHandler,
  sleep,
  type Task,
} from 'maitre';
import { nextTurn, test } from '../support/test.js';

const never = (): Promise<void> => sleep(Infinity);

// ---- the value ----------------------------------------------------------------------------------------------------

test('run gives what main returns, in a task called main', async () => {
  assert.equal(await run(() => sleep(1, 'value')), 'value');
  assert.equal(await run(() => currentTask()?.name), 'main');
});

test('run rejects with what main throws, and it is reported to nobody else', async () => {
  await assert.rejects(
    run(() => Promise.reject(new Error('main failed'))),
    /main failed/,
  );
});

test('run of a main that is cancelled without a signal rejects with CancelledError', async () => {
  await assert.rejects(
    run(() => {
      currentTask()?.cancel('by itself');
      return sleep(0);
    }),
    { name: 'CancelledError', message: 'by itself' },
  );
});

test('run refuses what is no function, by rejecting', async () => {
  await assert.rejects(run(Promise.resolve() as never), /run\(\(\) => fetchAll\(\)\)/);
  await assert.rejects(run(1 as never), TypeError);
});

// ---- the end ------------------------------------------------------------------------------------------------------

test('when main ends, the tasks that remain are cancelled and awaited', async () => {
  const log: unknown[] = [];
  await run(() => {
    createTask(async () => {
      try {
        await never();
      } catch (error) {
        log.push((error as CancelledError).reason.kind);
        await sleep(5);
        log.push('cleaned up');
      }
    });
    return sleep(1);
  });
  assert.deepEqual(log, ['shutdown', 'cleaned up']);
});

test('a task that a cleanup starts is cancelled and awaited too', async () => {
  const log: string[] = [];
  await run(() => {
    createTask(() =>
      never().finally(() => {
        createTask(() => never().finally(() => sleep(1).then(() => log.push('second'))));
        log.push('first');
      }),
    );
    return sleep(1);
  });
  assert.deepEqual(log, ['first', 'second']);
});

test('when main fails, the tasks that remain are ended as well', async () => {
  let ended = false;
  await assert.rejects(
    run(async () => {
      createTask(() => never().finally(() => (ended = true)));
      await sleep(1);
      throw new Error('main failed');
    }),
    /main failed/,
  );
  assert.equal(ended, true);
});

test('errors of the tasks that remain are reported', async () => {
  const reports: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => reports.push(context));
  await run(() => {
    createTask(() => never().catch(() => Promise.reject(new Error('in cleanup'))), { name: 'left' });
    return sleep(1);
  });
  assert.deepEqual(
    reports.map(({ message, error }) => [message, String(error)]),
    [['Task "left" failed and nobody awaited it', 'Error: in cleanup']],
  );
});

test('a task created before run is no affair of it', async () => {
  const outside = createTask(() => sleep(20, 'alive'));
  await run(() => sleep(1));
  assert.equal(outside.cancelling(), 0);
  assert.equal(await outside, 'alive');
});

// ---- several runs -------------------------------------------------------------------------------------------------

test('a run inside a run rejects with InvalidStateError, in a task of it too', async () => {
  await run(async () => {
    await assert.rejects(
      run(() => 1),
      InvalidStateError,
    );
    await createTask(() =>
      assert.rejects(
        run(() => 1),
        /is inside a run already/,
      ),
    );
  });
});

test('two runs side by side each end their own tasks', async () => {
  const log: string[] = [];
  const program = (name: string, ms: number) =>
    run(async () => {
      createTask(() => never().finally(() => log.push(`${name} ended`)));
      await sleep(ms);
      return name;
    });
  const results = await Promise.all(
    [program('a', 1), program('b', 30)].map((each) => each.then((name) => log.push(name))),
  );
  assert.equal(results.length, 2);
  assert.deepEqual(log, ['a ended', 'a', 'b ended', 'b']);
});

test('a run in a task outside of any run is allowed, and ends with a cancel of that task', async () => {
  let ended = false;
  const task = createTask(() =>
    run(async () => {
      await never().finally(() => sleep(1).then(() => (ended = true)));
    }),
  );
  await nextTurn();
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
  assert.equal(ended, true);
});

// ---- options ------------------------------------------------------------------------------------------------------

test('run listens for signals while it runs, unless told not to', async () => {
  const listeners = (): number => process.listenerCount('SIGINT') + process.listenerCount('SIGTERM');
  const before = listeners();
  await run(() => assert.equal(listeners(), before + 2));
  assert.equal(listeners(), before);
  await run(() => assert.equal(listeners(), before), { handleSignals: false });
});

test('debug records stacks while it runs', async () => {
  const stackOf = async (): Promise<number> => {
    const task: Task<void> = createTask(never);
    await sleep(0);
    const { length } = task.stack();
    task.cancel();
    return length;
  };
  assert.ok((await run(stackOf, { debug: true })) > 0);
  assert.equal(await run(stackOf), 0);
});

test('gather, sleep and tasks work outside of run', async () => {
  assert.deepEqual(await gather([() => sleep(1, 1), createTask(() => 2)]), [1, 2]);
});

// ---- signals: the operating system is the subject ------------------------------------------------------------------------

const isDeno = 'Deno' in globalThis;

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

/** Starts a program of ./fixtures; sends a signal each time it has printed the line that the signal waits for. */
function play(
  program: string,
  signals: readonly (readonly [after: string, signal: 'SIGINT' | 'SIGTERM'])[],
): Promise<Ended> {
  const child = startFixture(program);
  const left = [...signals];
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    const [next] = left;
    if (next === undefined || !out.includes(next[0])) return;
    left.shift();
    process.kill(child.pid as number, next[1]); // it runs: it has just written
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  return endOf(child).then((end) => ({ ...end, out, err }));
}

function startFixture(program: string): ChildProcessByStdio<null, Readable, Readable> {
  const file = fileURLToPath(new URL(`fixtures/${program}.js`, import.meta.url));
  const args = isDeno ? ['run', '-A', file] : [file];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** How it ends, when all of its output has been read. */
function endOf(child: ChildProcess): Promise<Pick<Ended, 'code' | 'signal'>> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      // Deno tells an exit with 128 + n as the signal n.
      if (isDeno && code === null && signal !== null) resolve({ code: 128 + constants.signals[signal], signal: null });
      else resolve({ code, signal });
    });
  });
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} cancels main, lets its cleanup run, and the process ends with ${code}, without a trace`, async () => {
    const ended = await play('cleans-up', [['ready', signal]]);
    assert.deepEqual(ended, { code, signal: null, out: 'ready\ncleaned up\n', err: '' });
  });

  test(`${signal} handled by main: its value stands`, async () => {
    const ended = await play('handles-cancel', [['ready', signal]]);
    const out = `ready\nCancelled: ${signal} received signal ${signal}\nvalue 42\n`;
    assert.deepEqual(ended, { code: 0, signal: null, out, err: '' });
  });

  test(`a second signal, ${signal}, ends the process at once with ${code}`, async () => {
    const ended = await play('stuck-cleanup', [
      ['ready', 'SIGINT'],
      ['cleaning', signal],
    ]);
    assert.deepEqual(ended, { code, signal: null, out: 'ready\ncleaning\n', err: '' });
  });
}

/** Deno writes to a full pipe before it does anything else: its programs hold nothing back, and wait for every reader. */
const blocking = { skip: isDeno && 'output is written at once on Deno' };

test(
  'a signal ends the process when a slow reader has taken all of its output',
  async () => {
    const child = startFixture('talks-long');
    const end = endOf(child);
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    await once(child.stdout, 'data');
    child.stdout.pause();
    child.kill('SIGTERM');
    await once(child.stderr, 'data'); // it has written everything, and is about to end
    await Promise.race([once(child, 'exit'), delay(200)]);
    child.stdout.resume();
    assert.deepEqual(await end, { code: 143, signal: null });
    assert.equal(out.length, 'ready\n\ncleaned up\n'.length + 2_000_000);
  },
  blocking,
);

test(
  'a reader of the output that has stopped reading does not hold the end up, nor a second signal',
  async () => {
    for (const [second, ms] of [
      [false, 10_000],
      [true, 1500], // less than an output is waited for
    ] as const) {
      const child = startFixture('talks-long');
      const [exit, end] = [once(child, 'exit'), endOf(child)];
      await once(child.stdout, 'data');
      child.stdout.pause();
      child.kill('SIGTERM');
      await once(child.stderr, 'data');
      const start = performance.now();
      await delay(100);
      if (second) child.kill('SIGTERM');
      await exit;
      assert.ok(performance.now() - start < ms, 'it waited');
      child.stdout.resume();
      assert.deepEqual(await end, { code: 143, signal: null });
    }
  },
  blocking,
);

test('a signal ends the tasks beside main too, and their errors are reported', async () => {
  const { code, out, err } = await play('leaves-tasks', [['ready', 'SIGTERM']]);
  assert.deepEqual([code, out], [143, 'ready\ntask cleaned up\n']);
  assert.match(
    err,
    /Task "clumsy" failed and nobody awaited it\n {4}created at .*leaves-tasks[\s\S]*Error: cleanup failed/,
  );
});

test('a main that answers the signal with an error fails with it', async () => {
  const { code, err } = await play('fails-on-cancel', [['ready', 'SIGINT']]);
  assert.equal(code, 1);
  assert.match(err, /cleanup failed/);
});
