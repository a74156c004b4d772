// The commands that documents and comments of examples show are commands that `maitre` takes, with options that exist and
// values that are allowed; and the programs and pictures that documents name are there.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { CommandError } from '#src/cli/command.js';
import { commands } from '#src/cli/commands.js';
import { findCommand, parseArguments } from '#src/cli/parse-arguments.js';
import { fencedBlocks } from './markdown.js';
import { listFiles, readText, root } from './source-files.js';

const documents = [...listFiles('docs', '.md'), 'README.md', 'CHANGELOG.md'];

describe('commands in documents', () => {
  test('are taken by maitre, as they are written', async () => {
    const wrong: string[] = [];
    let seen = 0;
    for (const file of [...documents, ...listFiles('examples', '.ts')]) {
      for (const words of commandsOf(readText(file))) {
        seen++;
        const [name = '', ...args] = words;
        try {
          parseArguments(name, await findCommand(commands, name).load(), args);
        } catch (error) {
          if (
            error instanceof CommandError &&
            words.length <= 2 &&
            !words[1]?.includes('.') &&
            / needs an? /.test(error.message)
          )
            continue; // its name alone
          wrong.push(`${file}: maitre ${words.join(' ')}: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
    }
    assert.deepEqual(wrong, []);
    assert.ok(seen > 40, `only ${seen} commands`);
  });

  test('start programs that are there', () => {
    const missing = documents.flatMap((file) =>
      [...readText(file).matchAll(/^(?:node|npx tsx) (examples\/\S+)/gm)]
        .map(([, program = '']) => program)
        .filter((program) => !existsSync(join(root, program)))
        .map((program) => `${file}: ${program}`),
    );
    assert.deepEqual(missing, []);
  });
});

test('pictures in documents are there, also those in HTML, and no picture is left over', () => {
  const shown = documents.flatMap((file) =>
    [...readText(file).matchAll(/(?:\]\(|src(?:set)?=")([^)"]+\.png)/g)].map(([, path = '']) =>
      join(dirname(file), path),
    ),
  );
  assert.deepEqual([...new Set(shown)].sort(), [...listFiles('docs', '.png')].sort());
});

test('the reader of commands finds them in blocks of shell and in code spans', () => {
  const text =
    '```sh\nnpx maitre ps   # all\nmaitre serve FILE [--port N]\nmaitre help && ls\n```\n`npx maitre top --every 2s`\n';
  assert.deepEqual(commandsOf(`${text}\`maitre console\`, \`maitre/inspect\`, and \`maitre ps\`, \`pstree\`\n`), [
    ['ps'],
    ['help'],
    ['top', '--every', '2s'],
    ['console'],
    ['ps'],
  ]);
});

/** The words after `maitre` of each whole command; what has placeholders is not whole. */
function commandsOf(text: string): string[][] {
  const lines = fencedBlocks(text)
    .filter(({ info }) => info === 'sh')
    .flatMap(({ code }) => code.split('\n'));
  const spans = [...text.matchAll(/(?<!`)`((?:npx )?maitre [^`\n]+)`/g)].map(([, span = '']) => span);
  return [...lines, ...spans].flatMap((line) => {
    const [, command = ''] = /^(?:\S+ \| )?(?:npx )?maitre ([^#&|<>]*)/.exec(line.trim()) ?? [];
    const words = command
      .trim()
      .split(/\s+/)
      .map((word) => word.replace(/^'(.*)'$/, '$1'));
    const isWhole = command !== '' && !/[[\]…]|\.\.\./.test(command.replace(/'[^']*'/g, ''));
    return isWhole && /^[a-z]/.test(words[0] ?? '') && !words.some((word) => /^[A-Z:]{1,}$|=[A-Z]+$|^<|,$/.test(word))
      ? [words]
      : [];
  });
}
