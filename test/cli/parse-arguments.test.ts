// The arguments of a command that stands in no table.
import assert from 'node:assert/strict';
import { type Command, CommandError } from '#src/cli/command.js';
import { type Arguments, parseArguments } from '#src/cli/parse-arguments.js';
import { test } from '../support/test.js';

const OPTIONS = {
  name: { type: 'text', value: 'NAME', help: 'what it is called' },
  size: { type: 'count', value: 'N', help: 'how large', least: 1, most: 9, fallback: 3 },
  wait: { type: 'count', value: 'MS', help: 'how long', least: 0 },
  form: { type: 'choice', choices: ['round', 'square', 'flat'], help: 'its form', fallback: 'round' },
  loud: { type: 'flag', help: 'say so' },
} as const;

const POSITIONALS = [
  { name: 'FROM', needs: 'a FROM' },
  { name: 'TO', needs: 'a TO', optional: true, choices: ['here', 'there'] },
] as const;

const command: Command<typeof OPTIONS, typeof POSITIONALS> = {
  options: OPTIONS,
  positionals: POSITIONALS,
  run: () => Promise.resolve(0),
};

function parsed(...args: string[]): Arguments {
  const result = parseArguments('move', command, args);
  assert.ok(result !== 'help');
  return result;
}

test('values have their types, and fallbacks where nothing was given', () => {
  assert.deepEqual(parsed('x'), {
    values: { name: undefined, size: 3, wait: undefined, form: 'round', loud: false },
    positionals: ['x'],
    given: new Set(),
  });
  assert.deepEqual(parsed('--name', 'y', '--size=9', '--wait', '0', 'x', '--loud', '--form', 'flat', 'there'), {
    values: { name: 'y', size: 9, wait: 0, form: 'flat', loud: true },
    positionals: ['x', 'there'],
    given: new Set(['name', 'size', 'wait', 'loud', 'form']),
  });
});

test('given tells a fallback from the same value on the command line, and the last of two values counts', () => {
  const { values, given } = parsed('x', '--size', '4', '--size', '3');
  assert.equal(values['size'], 3);
  assert.deepEqual(given, new Set(['size']));
});

test('after -- everything is a positional, and a value with a dash is written with an equals sign', () => {
  assert.deepEqual(parsed('--', '--loud').positionals, ['--loud']);
  assert.equal(parsed('x', '--name=-y').values['name'], '-y');
  assert.equal(parsed('x', '--name', '-').values['name'], '-');
});

test('--help and -h win over everything that is wrong', () => {
  for (const args of [['--help'], ['-h'], ['x', 'y', 'z', '--fly', '--help'], ['--size', 'x', '-h']]) {
    assert.equal(parseArguments('move', command, args), 'help', args.join(' '));
  }
  assert.deepEqual(parsed('--', '--help').positionals, ['--help']);
});

test('what is wrong is one line, and wrong usage', () => {
  for (const [args, message] of [
    [[], 'move needs a FROM'],
    [['x', 'where'], 'move needs a TO, got "where"; did you mean here?'],
    [['x', 'here', 'z'], 'move takes one FROM and one here|there, got 3'],
    [['x', '--fly'], 'unknown option "--fly"'],
    [['x', '--nmae', 'y'], 'unknown option "--nmae"; did you mean --name?'],
    [['x', '--hlep'], 'unknown option "--hlep"; did you mean --help?'],
    [['x', '-n', 'y'], 'unknown option "-n"'],
    [['x', '--toString'], 'unknown option "--toString"'],
    [['x', '--__proto__'], 'unknown option "--__proto__"'],
    [['x', '--no-loud'], 'unknown option "--no-loud"'],
    [['x', '--name'], '--name needs a value: --name NAME'],
    [['x', '--name', '--loud'], '--name needs a value: --name NAME'],
    [['x', '--form'], '--form needs a value: --form round|square|flat'],
    [['x', '--form', 'oval'], '--form must be round, square or flat, got "oval"'],
    [['x', '--loud=yes'], '--loud takes no value, got "yes"'],
    [['x', '--size', '0'], '--size must be a whole number from 1 to 9, got "0"'],
    [['x', '--size', '10'], '--size must be a whole number from 1 to 9, got "10"'],
    [['x', '--wait', '1e3'], '--wait must be a whole number of 0 or more, got "1e3"'],
    [['x', '--wait='], '--wait must be a whole number of 0 or more, got ""'],
    [['x', '--wait=-1'], '--wait must be a whole number of 0 or more, got "-1"'],
    [['x', '--fl\x1b[2J\ny'], 'unknown option "--fl\\u001b[2J\\ny"'],
  ] as const) {
    assert.throws(
      () => parseArguments('move', command, args),
      (error) => {
        assert.ok(error instanceof CommandError);
        assert.deepEqual([error.message, error.exitCode], [message, 2]);
        return true;
      },
    );
  }
});
