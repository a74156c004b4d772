import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { CancelledError, createTask, type WaitOptions } from 'maitre';
import { duplexChecks, type Duplex } from 'maitre/testing';
import { createSubprocessExec, createSubprocessShell, type Process, type SubprocessOptions } from 'maitre/subprocess';
import { DuplexEnd, type StreamReader, type StreamWriter } from '#src/streams/index.js';
import { test } from '../support/test.js';

test('options are checked and named before anything is started', async () => {
  const wrong: [SubprocessOptions, string, RegExp][] = [
    [{ stdin: 'file' as never }, 'RangeError', /stdin must be pipe, inherit or ignore, got "file"/],
    [{ stdout: 1 as never }, 'TypeError', /stdout must be/],
    [{ stdin: 'stdout' as never }, 'RangeError', /stdin must be/],
    [{ check: 1 as never }, 'TypeError', /check must be true or false, got 1/],
    [{ killGrace: -1 }, 'RangeError', /killGrace must be a number of milliseconds >= 0, got -1/],
    [{ limit: 0 }, 'RangeError', /limit must be a number of bytes > 0, got 0/],
    [{ limit: '5' as never }, 'TypeError', /limit must be/],
    [{ cwd: 5 as never }, 'TypeError', /cwd must be text without a null character, got 5/],
    [{ shell: true } as never, 'TypeError', /unknown option "shell"/],
  ];
  for (const [options, name, message] of wrong) {
    assert.throws(() => createSubprocessExec('true', [], options), { name, message });
    assert.throws(() => createSubprocessShell('true', options), { name, message });
  }
  assert.throws(() => createSubprocessExec('tr\0ue'), { name: 'RangeError', message: /null character/ });
  assert.throws(() => createSubprocessExec('true', 'x' as never), { name: 'TypeError', message: /an array of texts/ });
  assert.throws(() => createSubprocessExec('true', [1 as never]), {
    name: 'TypeError',
    message: /args must be text/,
  });
});

test(
  'a cancel while it is being started leaves no program behind',
  async () => {
    const ours = (): string[] =>
      readdirSync('/proc').filter((pid) => {
        const { stdout } = spawnSync('cat', [`/proc/${pid}/cmdline`], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        return stdout.startsWith('sleep\x0031.');
      });
    const task = createTask(() => createSubprocessExec('sleep', ['31.7']), { eager: true });
    task.cancel();
    await assert.rejects(async () => task, CancelledError);
    assert.deepEqual(ours(), []);
  },
  { skip: process.platform !== 'linux' && 'programs are looked for in /proc' },
);

/** One end of two programs that copy: closing it ends its own reading, as on a socket. */
class CatEnd extends DuplexEnd {
  readonly error = undefined;
  readonly #programs: readonly Process[];

  constructor(programs: readonly [Process, Process]) {
    const [writesTo, readsFrom] = programs;
    super(readsFrom.stdout as StreamReader, writesTo.stdin as StreamWriter); // both are pipes
    this.#programs = programs;
  }

  override close(options?: WaitOptions): Promise<void> {
    if (!this.writer.isClosing()) {
      this.reader.feedEof();
      this.#programs[1]?.kill(); // nobody reads from it any more
    }
    return super.close(options);
  }

  override abort(): void {
    super.abort();
    for (const program of this.#programs) program.kill();
  }
}

for (const { name } of duplexChecks(() => Promise.reject(new Error('never made')))) {
  test(`over cat: ${name}`, async () => {
    const options = { stdin: 'pipe', stdout: 'pipe' } as const;
    await using there = await createSubprocessExec('cat', [], options);
    await using back = await createSubprocessExec('cat', [], options);
    const pair = (): [Duplex, Duplex] => [new CatEnd([there, back]), new CatEnd([back, there])];
    await duplexChecks(pair)
      .find((each) => each.name === name)
      ?.run();
  });
}
