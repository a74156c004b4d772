// The table of commands, and that the documentation shows the same options.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HELP_OPTION } from '#src/cli/command.js';
import { commands } from '#src/cli/commands.js';
import { optionUsage, shownFallback } from '#src/cli/help-text.js';
import { root } from '../support/program.js';
import { test } from '../support/test.js';

test('every command has a name of its own, a summary in one phrase, and a file that is called like it', () => {
  assert.equal(new Set(commands.map(({ name }) => name)).size, commands.length);
  for (const { name, summary } of commands) {
    assert.match(name, /^[a-z][a-z-]*$/);
    assert.match(summary, /^[a-z][^.]*[^.]$/, name);
    assert.ok(existsSync(join(root, `src/cli/${name}.ts`)), name);
  }
});

test('options and positionals of every command are named so that shells and help can show them', async () => {
  for (const row of commands) {
    const { options, positionals } = await row.load();
    for (const [name, option] of Object.entries(options)) {
      assert.match(name, /^[a-z][a-z-]*$/, row.name);
      assert.ok(name !== 'help', `${row.name}: every command has --help by itself`);
      if ('value' in option) assert.match(option.value, /^[A-Z]+$/, `${row.name} --${name}`);
      if (option.type === 'choice' && option.fallback !== undefined)
        assert.ok(option.choices.includes(option.fallback), `${row.name} --${name}`);
    }
    // Required ones come first: nobody could leave out one before them.
    const optional = positionals.map((each) => each.optional === true);
    assert.deepEqual(optional, [...optional].sort(), row.name);
  }
});

test('docs/reference/cli.md shows the options of every command as its help does', async () => {
  const document = readFileSync(join(root, 'docs/reference/cli.md'), 'utf8');
  for (const row of commands) {
    const { options } = await row.load();
    const expected = Object.entries(options).map(([name, option]) => [
      optionUsage(name, option),
      option.help.replaceAll('`', ''),
      shownFallback(option),
    ]);
    if (expected.length > 0) expected.push([`${HELP_OPTION.long}, ${HELP_OPTION.short}`, HELP_OPTION.help, '']);
    assert.deepEqual(documented(document, row.name), expected, `the table of maitre ${row.name}`);
  }
});

/** The rows of the option table in a command's section, as plain text: usage, meaning, default. */
function documented(document: string, name: string): string[][] {
  const section = document.split(/^(?=## )/m).find((each) => each.startsWith(`## maitre ${name}\n`));
  assert.ok(section !== undefined, `no section on maitre ${name}`);
  return [...section.matchAll(/^\| (`--.*) \|$/gm)].map(([, row = '']) =>
    row.split(/(?<!\\)\|/).map((cell) =>
      cell
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1') // the text of a link
        .replaceAll('`', '')
        .replaceAll('\\|', '|')
        .trim(),
    ),
  );
}
