// What a command is: a row of the table in commands.ts, and the file that the row loads when the
// command is called. Parser, help and shell completion read nothing else.

/** A row of the table: all that `maitre --help` shows of a command without loading it. */
export interface CommandRow {
  readonly name: string;
  /** One phrase that begins with a verb in lower case, without a full stop. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/**
 * What a command's file exports. The file itself stays light, because help and completion load it:
 * `run` imports what does the work.
 */
export interface Command<O extends Options = Options, P extends readonly Positional[] = readonly Positional[]> {
  readonly positionals: P;
  readonly options: O;
  /** A paragraph below the options in its help. */
  readonly notes?: string;
  /**
   * Whether it only prints and leaves nothing open: the process then ends by itself. main.ts ends
   * the others.
   */
  readonly printsOnly?: true;
  /**
   * Runs the command and resolves with the exit code.
   * @throws CommandError for what the user is told in one line
   */
  run(values: Values<O>, positionals: Texts<P>, call: Call<O>): Promise<number>;
}

/** What a command receives beside values and positionals. */
export interface Call<O extends Options = Options> {
  /** The options that the user set. The values of the others are their fallbacks. */
  readonly given: ReadonlySet<keyof O>;
  /** The table itself, for commands about commands. */
  readonly commands: readonly CommandRow[];
}

/** The options of a command by their names, without the dashes. */
export type Options = Readonly<Record<string, Option>>;

export type Option = FlagOption | TextOption | CountOption | ChoiceOption;

interface OptionBase {
  /** A phrase for its line in the help. */
  readonly help: string;
}

/** True when the user sets it. */
interface FlagOption extends OptionBase {
  readonly type: 'flag';
}

/** Any text; `file` is completed with the names of files. */
interface TextOption extends OptionBase {
  readonly type: 'text' | 'file';
  /** The placeholder for the value in the help, in capitals. */
  readonly value: string;
  readonly fallback?: string;
  /** What applies without the option, shown as its default: `no limit`. */
  readonly without?: string;
  /** A letter: `o` for `-o`. */
  readonly short?: string;
}

/** A whole number. */
interface CountOption extends OptionBase {
  readonly type: 'count';
  readonly value: string;
  readonly least: number;
  /** Default: no limit. */
  readonly most?: number;
  readonly fallback?: number;
  /**
   * What applies without the option when that is not a number, shown as its default: `no limit`.
   */
  readonly without?: string;
}

/** One of a few words. */
interface ChoiceOption extends OptionBase {
  readonly type: 'choice';
  readonly choices: readonly string[];
  readonly fallback?: string;
  /** What applies without the option, shown as its default. */
  readonly without?: string;
}

/** An argument that is no option. */
export interface Positional {
  /** In capitals, as the usage line shows it. */
  readonly name: string;
  /** What is missing without it: `a FILE that exports a handler`. */
  readonly needs: string;
  readonly optional?: true;
  /** The only words that are accepted. */
  readonly choices?: readonly string[];
  /** The words that completion offers. Default: the choices. */
  readonly completion?: 'files' | 'commands';
}

/** The value of each option. Without it: its fallback, false or undefined. */
export type Values<O extends Options> = {
  readonly [K in keyof O]: O[K] extends { type: 'flag' } | { fallback: string | number }
    ? Value<O[K]>
    : Value<O[K]> | undefined;
};

type Value<O extends Option> = O extends { type: 'flag' }
  ? boolean
  : O extends { type: 'count' }
    ? number
    : O extends { choices: readonly (infer Choice)[] }
      ? Choice
      : string;

/** The positional arguments: a required one is always there. */
export type Texts<P extends readonly Positional[]> = {
  readonly [I in keyof P]: P[I] extends { optional: true } ? Text<P[I]> | undefined : Text<P[I]>;
};

type Text<P extends Positional> = P extends { choices: readonly (infer Choice)[] } ? Choice : string;

/** The option that every command has. */
export const HELP_OPTION = { short: '-h', long: '--help', help: 'print the help' } as const;

/** A failure that the user is told in one line. */
export class CommandError extends Error {
  /** 1: it failed; 2: wrong usage. */
  readonly exitCode: 1 | 2;
  /** Lines to be shown below it, as they are. */
  readonly detail: string | undefined;

  constructor(message: string, exitCode: 1 | 2, detail?: string) {
    super(message);
    this.exitCode = exitCode;
    this.detail = detail;
  }

  /** Whether the help of the command helps: after wrong usage. */
  get isUsage(): boolean {
    return this.exitCode === 2;
  }
}

/**
 * A failure of a command that looks at a process. Its codes are grep's: 2 is trouble of any kind,
 * 1 is nothing found.
 */
export class CommandTrouble extends CommandError {
  constructor(message: string, detail = '', exitCode: 1 | 2 = 2) {
    super(message, exitCode, detail === '' ? undefined : detail);
  }

  override get isUsage(): boolean {
    return false;
  }
}
