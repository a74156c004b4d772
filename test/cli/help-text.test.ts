import assert from 'node:assert/strict';
import type { Command, CommandRow } from '#src/cli/command.js';
import { commands } from '#src/cli/commands.js';
import { helpOf, helpOfAll } from '#src/cli/help-text.js';
import { test } from '../support/test.js';

const COMMAND: Command = {
  options: {
    size: { type: 'count', value: 'N', help: 'how large', least: 1, fallback: 3 },
    form: { type: 'choice', choices: ['round', 'flat'], help: 'its form', fallback: 'round' },
    'very-long-name': { type: 'text', value: 'TEXT', help: `${'a long phrase '.repeat(8)}to its end` },
    most: { type: 'count', value: 'N', help: 'how many', least: 1, without: 'no limit' },
    loud: { type: 'flag', help: 'say so' },
  },
  positionals: [
    { name: 'FROM', needs: 'a FROM' },
    { name: 'TO', needs: 'a TO', optional: true, choices: ['here', 'there'] },
  ],
  notes: 'One more thing.',
  run: () => Promise.resolve(0),
};

const ROW: CommandRow = { name: 'move', summary: 'move FROM', load: () => Promise.resolve(COMMAND) };

test('the help of a command shows all that is in the table', () => {
  assert.equal(
    helpOf(ROW, COMMAND),
    `Usage: maitre move FROM [here|there] [options]

Move FROM.

Options:
  --size N               how large (default 3)
  --form round|flat      its form (default round)
  --very-long-name TEXT  a long phrase a long phrase a long phrase a long phrase a long phrase a
                         long phrase a long phrase a long phrase to its end
  --most N               how many (default no limit)
  --loud                 say so
  --help, -h             print the help

One more thing.
`,
  );
});

test('the help of all commands shows each name with its summary', () => {
  assert.match(helpOfAll([ROW]), /\n\nCommands:\n {2}move {2}move FROM\n\nOptions:\n/);
});

test('no line of any help is longer than 100 columns', async () => {
  const texts = [
    helpOfAll(commands),
    ...(await Promise.all(commands.map(async (row) => helpOf(row, await row.load())))),
  ];
  const long = texts.flatMap((text) => text.split('\n')).filter((line) => line.length > 100);
  assert.deepEqual(long, []);
});
