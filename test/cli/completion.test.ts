// The completion scripts, in the shells that they are for.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { commands } from '#src/cli/commands.js';
import { missing } from '../net/programs.js';
import { Folder, runMaitre } from '../support/program.js';
import { test } from '../support/test.js';

async function script(shell: string): Promise<string> {
  const { code, stdout, stderr } = await runMaitre(['completion', shell]);
  assert.deepEqual([code, stderr], [0, '']);
  return stdout;
}

for (const [shell, check] of [
  ['bash', '-n'],
  ['zsh', '-n'],
  ['fish', '--no-execute'],
] as const) {
  test(
    `${shell} can read its completion script`,
    async () => {
      using folder = new Folder();
      const file = folder.write(`maitre.${shell}`, await script(shell));
      const { status, stderr } = spawnSync(shell, [check, file], { encoding: 'utf8' });
      assert.deepEqual([status, stderr], [0, '']);
      const broken = folder.write(`broken.${shell}`, `${await script(shell)}\nif\n'`);
      assert.notEqual(spawnSync(shell, [check, broken]).status, 0, 'the check accepts everything');
    },
    { skip: missing(shell) },
  );
}

test('every script has every command and every option', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const text = await script(shell);
    for (const row of commands) {
      assert.ok(text.includes(row.name), `${shell}: ${row.name}`);
      for (const name of Object.keys((await row.load()).options)) {
        assert.match(text, new RegExp(`(?:--|-l )${name}\\b`), `${shell}: ${name}`);
      }
    }
  }
});

/** What bash offers for the last of these words, sorted; the function is called as readline does. */
async function offered(words: readonly string[], cwd: string): Promise<string[]> {
  const call = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _maitre; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const text = `${await script('bash')}\nset -u\ncomplete -p maitre >&2\n${call}`;
  const { stdout, stderr } = spawnSync('bash', ['-c', text, 'bash', ...words], { encoding: 'utf8', cwd });
  assert.equal(stderr, 'complete -F _maitre maitre\n');
  return stdout.split('\n').filter(Boolean).sort();
}

test(
  'bash completes commands, options, their values, and files, also after an equals sign',
  async () => {
    using folder = new Folder();
    folder.write('handler.mjs', '');
    folder.write('a name.mjs', '');
    mkdirSync(`${folder.path}/certificates`);
    const files = ['a name.mjs', 'certificates', 'handler.mjs'];
    for (const [words, expected] of [
      [[''], ['--help', '--version', ...commands.map(({ name }) => name)].sort()],
      [['co'], ['completion', 'connect', 'connections', 'console']],
      [['--v'], ['--version']],
      [['serve', ''], files],
      [['serve', 'a'], ['a name.mjs']],
      [
        ['serve', '--ma'],
        ['--max-connections', '--max-lifetime', '--max-memory'],
      ],
      [
        ['serve', 'handler.mjs', '--tls'],
        ['--tls-cert', '--tls-key'],
      ],
      [['serve', '--tls-cert', 'c'], ['certificates']],
      [['serve', '--tls-cert', '=', 'c'], ['certificates']],
      [
        ['serve', '--log', ''],
        ['json', 'text'],
      ],
      [
        ['serve', '--log', '='],
        ['json', 'text'],
      ],
      [['serve', '--log', '=', 'j'], ['json']],
      [['serve', '--port', ''], []],
      [['serve', '--quiet', 'h'], ['handler.mjs']],
      [
        ['connect', '-'],
        ['--help', '--tls'],
      ],
      [
        ['completion', ''],
        ['bash', 'fish', 'zsh'],
      ],
      [['help', 'se'], ['serve']],
      [['fly', ''], []],
    ] as const) {
      assert.deepEqual(await offered(['maitre', ...words], folder.path), expected, words.join(' '));
    }
  },
  { skip: missing('bash') },
);

/** What fish offers at the end of a command line, sorted. */
function fishOffers(text: string, line: string, cwd: string): string[] {
  const { stdout } = spawnSync('fish', ['-N', '-c', `${text}\ncomplete -C '${line}'`], { encoding: 'utf8', cwd });
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((each) => each.split('\t')[0] ?? '')
    .sort();
}

test(
  'fish completes commands, options, their values, and files',
  async () => {
    using folder = new Folder();
    folder.write('handler.mjs', '');
    const text = await script('fish');
    for (const [line, expected] of [
      ['maitre ', commands.map(({ name }) => name).sort()],
      ['maitre serve --ma', ['--max-connections', '--max-lifetime', '--max-memory']],
      ['maitre serve ', ['handler.mjs']],
      ['maitre serve --log ', ['json', 'text']],
      ['maitre serve --port ', []],
      ['maitre serve --tls-key h', ['handler.mjs']],
      ['maitre connect --t', ['--tls']],
      ['maitre help se', ['serve']],
    ] as const) {
      assert.deepEqual(fishOffers(text, line, folder.path), expected, line);
    }
  },
  { skip: missing('fish') },
);
