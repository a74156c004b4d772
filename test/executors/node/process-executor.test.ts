import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ProcessExecutor, type ExecutorOptions } from 'maitre/executors';
import { isBun, isDeno } from '../../net/sockets.js';
import { test } from '../../support/test.js';
import { testExecutor } from '../suite.js';

const memory = (isBun || isDeno) && 'Bun and Deno know no limit of their memory';

testExecutor('processes', (options: ExecutorOptions) => new ProcessExecutor(options), memory);

test('a process ends with the program that started it, killed in the middle of a job that never looks', async () => {
  const file = fileURLToPath(new URL('../fixtures/leaves-process.js', import.meta.url));
  const program = spawn(process.execPath, isDeno ? ['run', '-A', '--no-lock', file] : [file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let pid = 0;
  for await (const line of program.stdout.setEncoding('utf8')) {
    pid = Number(line);
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 300)); // the job runs
  const over = once(program, 'close');
  process.kill(program.pid ?? 0, 'SIGKILL');
  await over;
  for (let i = 0; i < 400 && runs(pid); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(runs(pid), false);
});

test('messages that a job sends by itself are left alone', async () => {
  await using processes = new ProcessExecutor({ size: 1 });
  const talk = (): string => {
    for (const message of [null, 'hello', 1, { hello: true }, { type: 'hello' }]) process.send?.(message);
    return 'done';
  };
  assert.equal(await processes.run(talk), 'done');
});

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test(
  'a process does not get the options of Node that are for one process',
  async () => {
    const own = process.execArgv;
    process.execArgv = ['--inspect-port', '9339', '--no-warnings'];
    try {
      await using processes = new ProcessExecutor({ size: 1 });
      assert.deepEqual(await processes.run(() => process.execArgv), ['--no-warnings']);
    } finally {
      process.execArgv = own;
    }
  },
  { skip: (isBun || isDeno) && 'their options are not those of Node' },
);
