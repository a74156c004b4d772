// Reads the command line by the table: which command, and its arguments. parseArgs of node:util
// splits them into tokens. Errors are found here, so that each is one line, the same on every
// runtime.
import { parseArgs } from 'node:util';
import { quote } from '../base/index.ts';
import { type Command, CommandError, type CommandRow, HELP_OPTION, type Option, type Positional } from './command.ts';
import { didYouMean } from './nearest.ts';

/**
 * Returns the row of the command `name`. @throws CommandError when there is none; it suggests the
 * nearest
 */
export function findCommand(commands: readonly CommandRow[], name: string): CommandRow {
  const row = commands.find((each) => each.name === name);
  if (row !== undefined) return row;
  const names = commands.map((each) => each.name);
  throw new CommandError(`unknown command ${quote(name)}${didYouMean(name, names)}`, 2);
}

export interface Arguments {
  readonly values: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly positionals: readonly string[];
  readonly given: ReadonlySet<string>;
}

/**
 * Reads the arguments of the command `name`. If an option is set twice, the last one counts.
 * @returns the arguments of `run`; `'help'` when --help is among them, whatever else is wrong
 * @throws CommandError for an unknown option, a wrong value, a missing or surplus positional
 */
export function parseArguments(name: string, command: Command, args: readonly string[]): Arguments | 'help' {
  const { options, positionals } = command;
  const { tokens } = parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(
        Object.entries(options).map(([each, option]) => [
          each,
          {
            type: option.type === 'flag' ? ('boolean' as const) : ('string' as const),
            ...('short' in option && option.short !== undefined ? { short: option.short } : {}),
          },
        ]),
      ),
      help: { type: 'boolean', short: 'h' },
    },
    strict: false, // its own messages differ between runtimes
    allowPositionals: true,
    tokens: true,
  });
  if (tokens.some((token) => token.kind === 'option' && token.name === 'help')) return 'help';

  const values: Record<string, string | number | boolean | undefined> = {};
  for (const [each, option] of Object.entries(options)) values[each] = fallbackOf(option);
  const given = new Set<string>();
  const texts: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') texts.push(token.value);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (option === undefined) {
      const known = [...Object.keys(options).map((each) => `--${each}`), HELP_OPTION.long];
      throw new CommandError(`unknown option ${quote(token.rawName)}${didYouMean(token.rawName, known)}`, 2);
    }
    values[token.name] = valueOf(token.name, option, token.value, token.inlineValue === true);
    given.add(token.name);
  }
  checkPositionals(name, positionals, texts);
  return { values, positionals: texts, given };
}

function fallbackOf(option: Option): string | number | boolean | undefined {
  return option.type === 'flag' ? false : option.fallback;
}

/** @param isInline whether the value came as `--name=value` */
function valueOf(name: string, option: Option, text: string | undefined, isInline: boolean): string | number | boolean {
  if (option.type === 'flag') {
    if (text === undefined) return true;
    throw new CommandError(`--${name} takes no value, got ${quote(text)}`, 2);
  }
  // In `--host --port 80`, the host is missing. Write a value that begins with a dash with `=`.
  if (text === undefined || (!isInline && text.length > 1 && text.startsWith('-'))) {
    throw new CommandError(`--${name} needs a value: --${name} ${placeholder(option)}`, 2);
  }
  switch (option.type) {
    case 'count':
      return toCount(name, text, option.least, option.most);
    case 'choice':
      if (option.choices.includes(text)) return text;
      throw new CommandError(`--${name} must be ${either(option.choices)}, got ${quote(text)}`, 2);
    default:
      return text;
  }
}

function toCount(name: string, text: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `of ${least} or more` : `from ${least} to ${most}`;
  throw new CommandError(`--${name} must be a whole number ${range}, got ${quote(text)}`, 2);
}

function checkPositionals(name: string, positionals: readonly Positional[], texts: readonly string[]): void {
  for (const [index, { choices, needs, optional }] of positionals.entries()) {
    const text = texts[index];
    if (text === undefined) {
      if (optional === true) return;
      throw new CommandError(`${name} needs ${needs}`, 2);
    }
    if (choices !== undefined && !choices.includes(text)) {
      throw new CommandError(`${name} needs ${needs}, got ${quote(text)}${didYouMean(text, choices)}`, 2);
    }
  }
  if (texts.length <= positionals.length) return;
  const most = positionals.length === 0 ? 'no argument' : `one ${positionals.map(placeholder).join(' and one ')}`;
  throw new CommandError(`${name} takes ${most}, got ${texts.length}`, 2);
}

/** What stands for a value in usage lines: `PORT`, `text|json`; nothing for a flag. */
export function placeholder(of: Option | Positional): string {
  if ('choices' in of) return of.choices.join('|');
  return 'name' in of ? of.name : 'value' in of ? of.value : '';
}

function either(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
