import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, runMaitre } from '../support/program.js';
import { test } from '../support/test.js';

test('maitre --help, -h, help and the --help of a command print the same usage and end with 0', async () => {
  const first = await runMaitre(['--help']);
  assert.deepEqual([first.code, first.stderr], [0, '']);
  assert.match(first.stdout, /^Usage: maitre serve FILE/);
  for (const option of ['host', 'port', 'path', 'grace', 'max-connections', 'concurrency', 'help', 'version']) {
    assert.match(first.stdout, new RegExp(`--${option}\\b`));
  }
  for (const args of [['-h'], ['help'], ['serve', '--help'], ['serve', '-h'], ['connect', '--help']]) {
    assert.deepEqual(await runMaitre(args), first, args.join(' '));
  }
});

test('maitre --version and -v print the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }; // our own
  for (const option of ['--version', '-v']) {
    const { code, stdout, stderr } = await runMaitre([option]);
    assert.deepEqual([code, stdout, stderr], [0, `${version}\n`, '']);
  }
});

/** Wrong usage: the arguments, and the line that tells what is wrong. */
const wrong: [args: string[], line: RegExp][] = [
  [[], /a command is missing: serve or connect/],
  [['fly'], /unknown command "fly"/],
  [['--fly'], /unknown command "--fly"/],
  [['toString'], /unknown command "toString"/],
  [['serve'], /serve needs a FILE that exports a handler/],
  [['serve', 'a.ts', 'b.ts'], /serve takes one FILE, got 2/],
  [['serve', '--fly', 'a.ts'], /Unknown option '--fly'/],
  [['serve', 'a.ts', '--port'], /--port/],
  [['serve', 'a.ts', '--port', 'http'], /--port must be a whole number from 0 to 65535, got "http"/],
  [['serve', 'a.ts', '--port', '65536'], /--port must be a whole number from 0 to 65535, got "65536"/],
  [['serve', 'a.ts', '--grace', '1.5'], /--grace must be a whole number of 0 or more, got "1.5"/],
  [['serve', 'a.ts', '--concurrency', '0'], /--concurrency must be a whole number of 1 or more, got "0"/],
  [['serve', 'a.ts', '--max-connections', '0'], /--max-connections must be a whole number of 1 or more, got "0"/],
  [['serve', 'a.ts', '--path', 'x', '--port', '1'], /give either --path, or --host and --port/],
  [['serve', 'not-there.ts'], /cannot serve not-there\.ts: there is no such file/],
  [['serve', 'src'], /cannot serve src: it is not a file/],
  [['connect'], /connect needs one HOST:PORT or PATH/],
  [['connect', 'a:1', 'b:2'], /connect needs one HOST:PORT or PATH/],
  [['connect', 'a:1', '--fly'], /Unknown option '--fly'/],
  [['connect', 'localhost'], /cannot connect to "localhost": expected HOST:PORT, \[IPV6\]:PORT or a path with a slash/],
  [['connect', 'localhost:65536'], /cannot connect to "localhost:65536": expected/],
  [['connect', '::1:8002'], /cannot connect to "::1:8002": expected/],
];

test('wrong usage is told in one line that names --help, with exit code 2', async () => {
  // A few at once: each is a process.
  const queue = wrong.values();
  const work = async (): Promise<void> => {
    for (const [args, line] of queue) {
      const { code, stdout, stderr } = await runMaitre(args);
      assert.deepEqual([code, stdout], [2, ''], `maitre ${args.join(' ')}: ${stderr}`);
      assert.match(stderr, /^maitre: .* \(maitre --help tells more\)\n$/, 'not one line');
      assert.match(stderr, line);
    }
  };
  await Promise.all([work(), work(), work()]);
});
