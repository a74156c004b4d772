// What the three completion scripts are generated from.
import { type Command, type CommandRow, HELP_OPTION, type Option, type Positional } from './command.ts';

/** A row of the table with what its file says. */
export type Completable = CommandRow & Pick<Command, 'options' | 'positionals'>;

/** What to offer where a word is due: these words, names of files, or nothing. */
export type Offer = readonly string[] | 'files' | undefined;

/** What follows an option. Undefined where nothing is due, as after a flag. */
export function offerOfOption(option: Option): Offer {
  if (option.type === 'choice') return option.choices;
  return option.type === 'file' ? 'files' : undefined;
}

/** What a positional may be. */
export function offerOfPositional(positional: Positional, all: readonly Completable[]): Offer {
  if (positional.completion === 'commands') return all.map(({ name }) => name);
  return positional.completion ?? positional.choices;
}

/** All options of a command, such as `--port`, with --help. */
export function optionNames({ options }: Completable): string[] {
  return [...Object.keys(options).map((name) => `--${name}`), HELP_OPTION.long];
}

/** Quotes a text as one word of a shell with single quotes, such as bash and zsh. */
export function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
