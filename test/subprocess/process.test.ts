import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import {
  CalledProcessError,
  CancelledError,
  createTask,
  LimitOverrunError,
  run,
  setExceptionHandler,
  timeout,
  TimeoutError,
} from 'maitre';
import { Resource } from 'maitre/lowlevel';
import { createSubprocessExec, createSubprocessShell } from 'maitre/subprocess';
import { nextTurn, test } from '../support/test.js';

const PIPED = { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' } as const;
/** Whether a process, or one of a group (below 0), still runs. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function until(fact: () => boolean): Promise<void> {
  for (let i = 0; !fact(); i++) {
    if (i > 2000) throw new Error('it did not come to pass');
    await pause(5);
  }
}

test('communicate feeds the input, closes it, and reads both outputs to their ends', async () => {
  await using cat = await createSubprocessExec('sh', ['-c', 'cat; echo oops >&2; exit 3'], PIPED);
  const input = 'line\n'.repeat(100_000);
  const { stdout, stderr } = await cat.communicate(input);
  assert.equal(String(stdout), input);
  assert.equal(String(stderr), 'oops\n');
  assert.equal(cat.returncode, 3);
  assert.equal(await cat.wait(), 3);
});

test('communicate gives null for what is not piped, and a program that reads nothing is no error', async () => {
  await using silent = await createSubprocessExec('true', [], { stdin: 'pipe', stdout: 'ignore' });
  assert.deepEqual(await silent.communicate('x'.repeat(1_000_000)), { stdout: null, stderr: null });
  assert.equal(silent.stdout, null);
  await using ignored = await createSubprocessExec('true', [], { stdin: 'ignore' });
  assert.deepEqual(await ignored.communicate(), { stdout: null, stderr: null });
  await using other = await createSubprocessExec('true', [], { stdin: 'ignore' });
  await assert.rejects(other.communicate('input'), { name: 'TypeError', message: /stdin: 'pipe'/ });
});

test('the pipes are streams with the same limits and back-pressure', async () => {
  await using yes = await createSubprocessExec('yes', [], { stdout: 'pipe', limit: 1000 });
  const { stdout } = yes;
  assert.ok(stdout);
  assert.equal(String(await stdout.readLine()), 'y\n');
  await pause(50);
  assert.ok(stdout.bufferedBytes < 300_000, `${stdout.bufferedBytes} bytes`);
  assert.equal(yes.returncode, null);
  yes.terminate();
  assert.equal(await yes.wait(), -15);
});

test('stderr: stdout joins both in order', async () => {
  const script = 'echo one; echo two >&2; echo three; echo four >&2';
  for (const start of [
    () => createSubprocessExec('sh', ['-c', script], { stdout: 'pipe', stderr: 'stdout' }),
    () => createSubprocessShell(script, { stdout: 'pipe', stderr: 'stdout' }),
  ]) {
    await using both = await start();
    const { stdout, stderr } = await both.communicate();
    assert.equal(String(stdout), 'one\ntwo\nthree\nfour\n');
    assert.equal(stderr, null);
  }
  const missing = createSubprocessExec('no-such-program', [], { stdout: 'pipe', stderr: 'stdout' });
  await assert.rejects(missing, { code: 'ENOENT', syscall: 'spawn no-such-program' });
});

test('a program that cannot be started rejects with the error of the system and leaves nothing', async () => {
  await assert.rejects(createSubprocessExec('no-such-program', ['x'], PIPED), { code: 'ENOENT' });
  await assert.rejects(createSubprocessExec('/etc/passwd', [], PIPED), { code: 'EACCES' });
  await assert.rejects(createSubprocessExec('true', [], { ...PIPED, cwd: '/no/such/folder' }), { code: 'ENOENT' });
});

test(
  'programs that cannot be started, or whose start is cancelled, leave no pipe open',
  async () => {
    const openFiles = (): number => readdirSync('/proc/self/fd').length;
    const start = (program: string): Promise<unknown> => createSubprocessExec(program, [], PIPED);
    await assert.rejects(start('no-such-program')); // what the first one opens for good
    const before = openFiles();
    for (let i = 0; i < 30; i++) {
      await assert.rejects(start('no-such-program'), { code: 'ENOENT' });
      const cancelled = createTask(() => start('cat'), { eager: true });
      cancelled.cancel();
      await assert.rejects(async () => cancelled, CancelledError);
    }
    await until(() => openFiles() <= before);
  },
  { skip: !existsSync('/proc/self/fd') && 'descriptors are counted in /proc' },
);

test('wait resolves at the end of the program, though a child of its own holds the pipe', async () => {
  await using parent = await createSubprocessShell('sleep 30 & echo $!', { stdout: 'pipe' });
  const line = String(await parent.stdout?.readLine());
  assert.equal(await timeout(5000, () => parent.wait()), 0);
  process.kill(Number(line));
});

test('any number of tasks wait for one program, and a cancel of one leaves it alone', async () => {
  await using sleeper = await createSubprocessExec('sleep', ['30']);
  const [first, second] = [createTask(() => sleeper.wait()), createTask(() => sleeper.wait())];
  await nextTurn();
  assert.equal(sleeper.statistics().waiting, 2);
  first.cancel();
  await assert.rejects(async () => first, CancelledError);
  assert.equal(sleeper.returncode, null);
  sleeper.kill();
  assert.equal(await second, -9);
  assert.equal(await sleeper.wait(), -9);
});

test('signals to a program that has ended do nothing', async () => {
  await using ended = await createSubprocessExec('true');
  assert.equal(await ended.wait(), 0);
  ended.kill();
  ended.terminate();
  ended.sendSignal('SIGHUP');
});

test('killOnCancel ends the program before the cancelled call goes on: SIGTERM, then SIGKILL', async () => {
  const options = { stdout: 'pipe', killOnCancel: true, killGrace: 100 } as const;
  for (const [script, expected] of [
    ['echo runs; exec sleep 30', -15],
    ["trap '' TERM; echo runs; exec sleep 30", -9], // what is ignored stays ignored
  ] as const) {
    const waited = await createSubprocessExec('sh', ['-c', script], options);
    await waited.stdout?.readLine();
    await assert.rejects(
      timeout(10, () => waited.wait()),
      TimeoutError,
    );
    assert.equal(waited.returncode, expected);
    const read = await createSubprocessExec('sh', ['-c', script], options);
    await assert.rejects(
      timeout(100, () => read.communicate()),
      TimeoutError,
    );
    assert.equal(read.returncode, expected);
  }
});

test('killOnCancel: further cancels during the grace do not cut it short, and the group is ended', async () => {
  const options = { stdout: 'pipe', killOnCancel: true, killGrace: 200, processGroup: true } as const;
  // The program needs some time to end, and a child of its own ignores SIGTERM.
  const script = `trap 'sleep 0.1; exit 7' TERM; (trap '' TERM; exec sleep 30) & echo $!; wait`;
  const program = await createSubprocessExec('sh', ['-c', script], options);
  const grandchild = Number(String(await program.stdout?.readLine()));
  const waiting = createTask(() => program.wait(), { eager: true });
  for (let i = 0; i < 3; i++) {
    waiting.cancel();
    await nextTurn();
    assert.equal(waiting.done(), false);
  }
  await assert.rejects(async () => waiting, CancelledError);
  assert.equal(program.returncode, 7);
  await until(() => !runs(grandchild));
});

test('the end of run ends programs that were left running, and leaves no zombie', async () => {
  const reported: string[] = [];
  using _ = setExceptionHandler(({ message }) => void reported.push(message));
  const pids = await run(
    async () => {
      const sleeper = await createSubprocessExec('sleep', ['30'], PIPED);
      const script = "trap '' TERM; echo runs; exec sleep 30"; // what is ignored stays ignored
      const stubborn = await createSubprocessExec('sh', ['-c', script], { stdout: 'pipe', killGrace: 50 });
      await stubborn.stdout?.readLine();
      createTask(() => sleeper.wait());
      return [sleeper.pid, stubborn.pid];
    },
    { handleSignals: false },
  );
  assert.deepEqual(pids.filter(runs), []); // a zombie counts as running
  const [sleeper, stubborn] = pids;
  assert.deepEqual(reported, [`run() ended; it had left open: process ${stubborn} (sh), process ${sleeper} (sleep)`]);
});

test('await using ends a program that runs, with its group where it has one', async () => {
  let pid = 0;
  let grandchild = 0;
  {
    await using group = await createSubprocessShell('sleep 30 & echo $!; wait', { stdout: 'pipe', processGroup: true });
    pid = group.pid;
    grandchild = Number(String(await group.stdout?.readLine()));
    assert.ok(runs(grandchild));
  }
  await until(() => !runs(pid) && !runs(grandchild));
  {
    // A child that ignores SIGTERM is killed with the group.
    await using group = await createSubprocessShell("(trap '' TERM; sleep 30) & echo $!; wait", {
      stdout: 'pipe',
      processGroup: true,
    });
    grandchild = Number(String(await group.stdout?.readLine()));
  }
  await until(() => !runs(grandchild));
});

test('check makes a program that fails an error, with what it wrote', async () => {
  await using fails = await createSubprocessShell('echo out; echo bad >&2; exit 4', { ...PIPED, check: true });
  await assert.rejects(fails.communicate(), (error) => {
    assert.ok(error instanceof CalledProcessError);
    assert.equal(error.returncode, 4);
    assert.equal(String(error.stdout), 'out\n');
    assert.equal(String(error.stderr), 'bad\n');
    assert.match(error.message, /ended with exit code 4$/);
    return true;
  });
  await assert.rejects(fails.wait(), CalledProcessError);
  await using killed = await createSubprocessExec('sleep', ['30'], { check: true });
  killed.kill();
  await assert.rejects(killed.wait(), { message: 'sleep ended with signal SIGKILL', returncode: -9 });
});

test('an output longer than maxOutput kills the program', async () => {
  await using yes = await createSubprocessExec('yes', [], { stdout: 'pipe' });
  await assert.rejects(yes.communicate(undefined, { maxOutput: 100_000 }), LimitOverrunError);
  assert.equal(await yes.wait(), -9);
  await using exact = await createSubprocessExec('printf', ['12345'], { stdout: 'pipe' });
  assert.equal(String((await exact.communicate(undefined, { maxOutput: 5 })).stdout), '12345');
  await assert.rejects(exact.communicate(undefined, { maxOutput: '5' as never }), TypeError);
  await assert.rejects(exact.communicate(undefined, { maxOutput: -1 }), RangeError);
});

test('what a program wrote before it crashed can be read to the end', async () => {
  const script = 'head -c 60000 /dev/zero; kill -9 $$';
  await using crashes = await createSubprocessExec('sh', ['-c', script], { stdout: 'pipe' });
  assert.equal(await crashes.wait(), -9);
  assert.equal((await crashes.stdout?.read())?.length, 60_000);
});

test('communicate returns all that a program wrote before it crashed, however much', async () => {
  const script = 'head -c 3000000 /dev/zero; head -c 200000 /dev/zero >&2; kill -9 $$';
  await using crashes = await createSubprocessExec('sh', ['-c', script], PIPED);
  const { stdout, stderr } = await crashes.communicate();
  assert.deepEqual([stdout?.length, stderr?.length, crashes.returncode], [3_000_000, 200_000, -9]);
});

test('a process is a live resource until it has ended', async () => {
  const live = (): Resource[] => [...Resource.live].filter(({ kind }) => kind === 'process');
  await using sleeper = await createSubprocessExec('sleep', ['30']);
  assert.deepEqual(live(), [sleeper]);
  assert.equal(String(sleeper), `<Process "sleep" running, pid ${sleeper.pid}>`);
  assert.deepEqual(sleeper.statistics(), { pid: sleeper.pid, program: 'sleep', returncode: null, waiting: 0 });
  sleeper.kill();
  await sleeper.wait();
  assert.deepEqual(live(), []);
  assert.equal(String(sleeper), `<Process "sleep" ended with -9, pid ${sleeper.pid}>`);
  assert.ok(!existsSync(`/proc/${sleeper.pid}`)); // no zombie
});
