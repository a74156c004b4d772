import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { commands } from '#src/cli/commands.js';
import { Folder, maitre, root, runMaitre } from '../support/program.js';
import { test } from '../support/test.js';

test('maitre --help, -h and help list the commands, with exit code 0', async () => {
  const first = await runMaitre(['--help']);
  assert.deepEqual([first.code, first.stderr], [0, '']);
  assert.match(first.stdout, /^Usage: maitre COMMAND /);
  for (const { name, summary } of commands) assert.ok(first.stdout.includes(`\n  ${name} `), `${name}: ${summary}`);
  for (const args of [['-h'], ['help']]) assert.deepEqual(await runMaitre(args), first, args.join(' '));
});

test('--help and -h of a command, and maitre help COMMAND, show its options, whatever else is given', async () => {
  const first = await runMaitre(['serve', '--help']);
  assert.deepEqual([first.code, first.stderr], [0, '']);
  assert.match(first.stdout, /^Usage: maitre serve FILE \[options\]\n/);
  assert.match(first.stdout, /\n {2}--port PORT +TCP port.* \(default 8002\)\n/);
  for (const args of [
    ['serve', '-h'],
    ['help', 'serve'],
    ['serve', 'a.ts', 'b.ts', '--fly', '--help'],
  ]) {
    assert.deepEqual(await runMaitre(args), first, args.join(' '));
  }
});

test('help, version and completion do not load the doors of maitre', async () => {
  using folder = new Folder();
  // Of all that is loaded, only the root door imports this built-in.
  const text = "process.on('exit', () => process._rawDebug(process.moduleLoadList.includes('NativeModule dgram')));";
  const hook = pathToFileURL(folder.write('hook.mjs', text)).href;
  const loads = async (...args: string[]): Promise<boolean> => {
    const { stderr } = await runMaitre([maitre, ...args], undefined, `--import=${hook}`);
    return /^true$/m.test(stderr);
  };
  assert.ok(await loads('connect', 'nowhere'), 'what is loaded does not show');
  for (const args of [['--help'], ['--version'], ['serve', '--help'], ['help', 'connect'], ['completion', 'bash']]) {
    assert.ok(!(await loads(...args)), args.join(' '));
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
  [[], /a command is missing: serve, connect, worker, ps, .*, completion, help/],
  [['fly'], /unknown command "fly"/],
  [['srve'], /unknown command "srve"; did you mean serve\? \(maitre --help tells more\)/],
  [['help', 'conect'], /unknown command "conect"; did you mean connect\?/],
  [['--fly'], /unknown option "--fly"/],
  [['--verson'], /unknown option "--verson"; did you mean --version\?/],
  [['toString'], /unknown command "toString"/],
  [['serve'], /serve needs a FILE that exports a handler/],
  [['serve', 'a.ts', 'b.ts'], /serve takes one FILE, got 2/],
  [['serve', '--fly', 'a.ts'], /unknown option "--fly" \(maitre serve --help tells more\)/],
  [['serve', 'a.ts', '--port'], /--port needs a value: --port PORT/],
  [['serve', 'a.ts', '--port', 'http'], /--port must be a whole number from 0 to 65535, got "http"/],
  [['serve', 'a.ts', '--port', '65536'], /--port must be a whole number from 0 to 65535, got "65536"/],
  [['serve', 'a.ts', '--grace', '1.5'], /--grace must be a whole number of 0 or more, got "1.5"/],
  [['serve', 'a.ts', '--concurrency', '0'], /--concurrency must be a whole number of 1 or more, got "0"/],
  [['serve', 'a.ts', '--max-connections', '0'], /--max-connections must be a whole number of 1 or more, got "0"/],
  [['serve', 'a.ts', '--path', 'x', '--port', '1'], /give either --path, or --host and --port/],
  [['serve', 'a.ts', '--path', 'x', '--fd', '3'], /give either --fd, or an address with --host, --port or --path/],
  [['serve', 'a.ts', '--log', 'xml'], /--log must be text or json, got "xml"/],
  [['completion'], /completion needs a shell: bash, zsh or fish/],
  [['serve', 'not-there.ts'], /cannot serve not-there\.ts: there is no such file/],
  [['serve', 'src'], /cannot serve src: it is not a file/],
  [['connect'], /connect needs a HOST:PORT or PATH/],
  [['connect', 'a:1', 'b:2'], /connect takes one HOST:PORT\|PATH, got 2/],
  [['connect', 'a:1', '--fly'], /unknown option "--fly"/],
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
      assert.match(stderr, /^maitre: .* \(maitre (?:\w+ )?--help tells more\)\n$/, 'not one line');
      assert.match(stderr, line);
    }
  };
  await Promise.all([work(), work(), work()]);
});

test(
  'output that cannot be written is one line and exit code 2, and a reader that has left is no error',
  () => {
    const full = openSync('/dev/full', 'w');
    try {
      const { status, stderr } = spawnSync(process.execPath, [maitre, '--help'], {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      });
      assert.match(stderr, /^maitre: cannot write to standard output: .*\n$/);
      assert.equal(status, 2);
    } finally {
      closeSync(full);
    }
    const left = spawnSync('sh', ['-c', '("$0" "$1" --help; echo $? >&2) | true', process.execPath, maitre], {
      encoding: 'utf8',
    });
    assert.equal(left.stderr, '0\n');
  },
  { skip: existsSync('/dev/full') ? false : 'there is no /dev/full' },
);
