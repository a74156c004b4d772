/* oxlint-disable typescript/no-misused-promises -- finally() waits for the promise it is given: a cleanup that waits */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
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
  Future,
} from 'maitre';
import { nextTurn, test } from '../support/test.js';
import { endOf, isDeno, play, startFixture } from './play.js';

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

test('run refuses options that are wrong or unknown, by rejecting, before main begins', async () => {
  const main = (): never => assert.fail('called');
  for (const [options, message] of [
    [{ grace: -1 }, /^RangeError: Cannot run: grace must be a number of milliseconds >= 0, got -1$/],
    [{ grace: Number.NaN }, /^RangeError: /],
    [{ grace: '1' }, /^TypeError: Cannot run: grace must be /],
    [{ handleSignals: 1 }, /^TypeError: Cannot run: handleSignals must be true or false, got 1$/],
    [{ debug: 'yes' }, /^TypeError: Cannot run: debug must be true or false, got "yes"$/],
    [{ handlesignals: true }, /^TypeError: Cannot run: unknown option "handlesignals"$/],
    [null, /^TypeError: Cannot run: options must be an object, got null$/],
  ] as const) {
    await assert.rejects(run(main, options as object), message);
  }
});

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
  const first = new Future<void>();
  const program = (name: string, body: () => PromiseLike<void>) =>
    run(async () => {
      createTask(() => never().finally(() => log.push(`${name} ended`)));
      await body();
    }).then(() => log.push(name));
  await Promise.all([program('a', () => sleep(1)).then(() => first.setResult()), program('b', () => first)]);
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

// ---- a loop that runs empty ----------------------------------------------------------------------------------------

/** Bun waits for a pending top-level await for ever, without a `beforeExit`; Deno holds its loop for the signal listeners. */
const emptyLoop = {
  skip: (isDeno || 'Bun' in globalThis) && 'Bun and Deno do not tell when a top-level await is all that is left',
};

const DEADLOCKS: Readonly<Record<string, RegExp>> = {
  'own-lock': /<Task "main" pending, waits for lock\.acquire>\n {8}<Lock "db" locked by Task "main"/,
  'each-other':
    /<Task "one".*\n {8}<Lock "b" locked by Task "two"[\s\S]*<Task "two".*\n {8}<Lock "a" locked by Task "one"/,
  foreign: /nothing is left that could wake a task\n {4}<Task "main" pending>/,
  cleanup: /<Task "main" pending, waits for event\.wait>\n {8}<Event "go" not set/,
};

for (const [how, wanted] of [
  ['top', 13],
  ['floating', 13],
  ['caught', 0],
] as const) {
  test(
    `a deadlock prints who waits for what, and run rejects: ${how}, exit code ${wanted}`,
    async () => {
      const start = ([which, pattern]: [string, RegExp]) =>
        play('deadlock', [], [which, how]).then((ended) => ({ which, pattern, ...ended }));
      for (const { which, pattern, code, out, err } of await Promise.all(Object.entries(DEADLOCKS).map(start))) {
        assert.equal(code, wanted, `${which}: ${err}`);
        assert.match(err, pattern);
        assert.equal(err.split('nothing is left that could wake a task\n').length - 1, 1);
        const lines = [
          ...(which === 'cleanup' ? ['cleaned up'] : []),
          ...(how === 'caught' ? ['caught InvalidStateError'] : []),
        ];
        assert.deepEqual(out.split('\n').slice(0, -1), lines);
      }
    },
    emptyLoop,
  );
}
