// Writes the help from the table alone.
import { type Command, type CommandRow, HELP_OPTION, type Option, type Positional } from './command.ts';
import { placeholder } from './parse-arguments.ts';

/** Columns of a line at most. */
const WIDTH = 96;

/** What `maitre --help` prints. */
export function helpOfAll(commands: readonly CommandRow[]): string {
  return paragraphs(
    'Usage: maitre COMMAND [arguments] [options]',
    `Commands:\n${columns(commands.map(({ name, summary }) => [name, summary]))}`,
    `Options:\n${columns([
      [`${HELP_OPTION.long}, ${HELP_OPTION.short}`, HELP_OPTION.help],
      ['--version, -v', 'print the version'],
    ])}`,
    'maitre COMMAND --help shows the arguments and options of a command.',
  );
}

/** What `maitre COMMAND --help` prints. */
export function helpOf({ name, summary }: CommandRow, { positionals, options, notes }: Command): string {
  const usage = ['maitre', name, ...positionals.map(inUsage), '[options]'].join(' ');
  return paragraphs(
    `Usage: ${usage}`,
    `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    `Options:\n${columns(optionRows(options))}`,
    ...(notes === undefined ? [] : [notes]),
  );
}

/** A row for each option: how to write it, and what it means. */
function optionRows(options: Command['options']): [string, string][] {
  return [
    ...Object.entries(options).map(([name, option]): [string, string] => {
      const fallback = shownFallback(option);
      return [
        optionUsage(name, option),
        `${option.help}${fallback === '' ? '' : ` ${unbroken(`(default ${fallback})`)}`}`,
      ];
    }),
    [`${HELP_OPTION.long}, ${HELP_OPTION.short}`, HELP_OPTION.help],
  ];
}

/** `--port PORT`, `--quiet`, `--output FILE, -o`. */
export function optionUsage(name: string, option: Option): string {
  const short = 'short' in option && option.short !== undefined ? `, -${option.short}` : '';
  return `--${name} ${placeholder(option)}`.trimEnd() + short;
}

/** The default of an option as the help shows it. Empty without one. */
export function shownFallback(option: Option): string {
  if (option.type === 'flag') return '';
  return String(option.fallback ?? ('without' in option ? option.without : ''));
}

function inUsage(positional: Positional): string {
  return positional.optional === true ? `[${placeholder(positional)}]` : placeholder(positional);
}

function paragraphs(...texts: readonly string[]): string {
  return `${texts.join('\n\n')}\n`;
}

/** Two columns, the second wrapped. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const indent = Math.max(...rows.map(([left]) => left.length)) + 4;
  return rows
    .flatMap(([left, right]) =>
      wrap(right, WIDTH - indent).map((line, index) => `${(index === 0 ? `  ${left}` : '').padEnd(indent)}${line}`),
    )
    .join('\n');
}

/** A text that `wrap` keeps on one line. */
function unbroken(text: string): string {
  return text.replaceAll(' ', '\u00a0');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => line.replaceAll('\u00a0', ' '));
}
