import assert from 'node:assert/strict';
import { CommandError, type Values } from '#src/cli/command.js';
import { parseArguments } from '#src/cli/parse-arguments.js';
import { command } from '#src/cli/serve.js';
import type { ServeOptions } from '#src/cli/serve-options.js';
import { workerSettings } from '#src/cli/worker-settings.js';
import { test } from '../support/test.js';

function read(...args: readonly string[]): ReturnType<typeof workerSettings> {
  const parsed = parseArguments('serve', command, ['app.ts', ...args]);
  assert.ok(parsed !== 'help');
  return workerSettings(parsed.values as Values<ServeOptions>, parsed.given as ReadonlySet<keyof ServeOptions>);
}

test('without --workers and --reload there are no workers; --reload alone has one', () => {
  assert.equal(read(), undefined);
  assert.equal(read('--reload')?.workers, 1);
  assert.equal(read('--workers', '3')?.workers, 3);
  assert.equal(read('--workers', 'auto', '--reload')?.workers, 'auto');
});

test('times and sizes are read with their units, and the rest has the defaults of the help', () => {
  const settings = read('--workers', '2', '--max-lifetime', '1.5h', '--max-memory', '512M', '--isolate', 'processes');
  assert.deepEqual(settings, {
    workers: 2,
    isolate: 'processes',
    readyTimeout: 30_000,
    killTimeout: 10_000,
    maxLifetime: 5_400_000,
    maxMemory: 536_870_912,
    grace: 10_000,
  });
  for (const [text, ms] of [
    ['90s', 90_000],
    ['500ms', 500],
    ['30m', 1_800_000],
    ['30min', 1_800_000],
    ['24d', 2_073_600_000],
  ] as const)
    assert.equal(read('--workers', '1', '--max-lifetime', text)?.maxLifetime, ms);
  for (const [text, bytes] of [
    ['1000', 1000],
    ['64K', 65_536],
    ['1.5G', 1_610_612_736],
    ['2GB', 2_147_483_648],
    ['2gib', 2_147_483_648],
  ] as const)
    assert.equal(read('--workers', '1', '--max-memory', text)?.maxMemory, bytes);
});

test('values that make no sense, and options about workers where none are, are wrong usage', () => {
  for (const [args, message] of [
    [['--workers', '0'], /--workers must be a whole number from 1 to 1024, or auto, got "0"/],
    [['--workers', 'many'], /--workers must be .*got "many"/],
    [['--workers', '1e9'], /--workers must be/],
    [['--workers', '2', '--max-lifetime', '10'], /--max-lifetime must be a time up to 24d, such as 12h.*got "10"/],
    [['--workers', '2', '--max-lifetime', '60d'], /--max-lifetime must be/],
    [
      ['--workers', '2', '--max-memory', 'lots'],
      /--max-memory must be a size in bytes, such as 512M or 2G, got "lots"/,
    ],
    [['--workers', '2', '--max-memory', '0'], /--max-memory must be/],
    [['--workers', '2', '--isolate', 'fibers'], /--isolate must be threads or processes, got "fibers"/],
    [['--workers', '2', '--kill-timeout', '10'], /--kill-timeout must be a whole number of 3000 or more, got "10"/],
    [['--max-memory', '1G'], /--max-memory is about workers: give --workers or --reload with it/],
    [['--isolate', 'threads'], /--isolate is about workers/],
  ] as const) {
    assert.throws(
      () => read(...args),
      (error) => error instanceof CommandError && error.exitCode === 2 && message.test(error.message),
      args.join(' '),
    );
  }
});
