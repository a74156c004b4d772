// What the commands that look at a process have in common on the command line.
import { quote } from '../base/index.ts';
import { type Command, CommandError, type Options, type Positional } from './command.ts';

/** The argument that names the process, last in every command. */
export const TARGET = { name: 'PID|PATH', needs: 'a PID or the PATH of a control socket', optional: true } as const;

/** The option of every command that prints an answer. */
export const JSON_OPTION = {
  type: 'flag',
  help: 'print the answer as one JSON object, as the process sent it',
} as const;

/** The option of those that list clients. */
export const FILTER_OPTION = {
  type: 'text',
  value: 'TEXT',
  help: 'only clients whose address, name or wait contains TEXT',
} as const;

/** A paragraph of their help. */
const TARGET_NOTE = `Without PID, it looks at the only program that runs with an inspector, or lists those that run.
PATH is the path of a control socket, such as one that a container shares: it has a slash.
Exit codes: 0 found, 1 nothing, 2 trouble.`;

/** A command that looks at a process: it only prints, and its help says which process is meant. */
export function inspectCommand<const O extends Options, const P extends readonly Positional[]>(
  command: Omit<Command<O, P>, 'printsOnly'>,
): Command {
  const notes = command.notes === undefined ? TARGET_NOTE : `${command.notes}\n${TARGET_NOTE}`;
  const whole: Command<O, P> = { ...command, notes, printsOnly: true };
  return whole;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000 };

/**
 * Reads a time such as `10s`, `500ms` or `1m` as milliseconds. A number alone is seconds.
 * @throws CommandError for anything else, and outside of `least` to `most`
 */
export function milliseconds(option: string, text: string, least = 1, most = 3_600_000): number {
  const [, number = '', unit = 's'] = /^(\d+(?:\.\d+)?) ?(ms|s|m|min)?$/.exec(text) ?? [];
  const ms = Math.round(Number(number) * (UNITS[unit] ?? NaN));
  if (number !== '' && ms >= least && ms <= most) return ms;
  throw new CommandError(
    `--${option} must be a time from ${least} ms to ${most / 1000} s, such as 10s or 500ms, got ${quote(text)}`,
    2,
  );
}

/** What is recorded, and into which file. */
export const SPAN_OPTIONS = {
  output: { type: 'file', value: 'FILE', short: 'o', help: 'the file that is written; - is standard output' },
  last: { type: 'text', value: 'TIME', help: 'record what happened in the last TIME; without --for, the last 10s' },
  for: { type: 'text', value: 'TIME', help: 'record what happens from now on for TIME, with every step measured' },
  frozen: { type: 'text', value: 'ID', help: 'take what was kept up to a block, an error or a warning; see --list' },
  worker: {
    type: 'count',
    value: 'N',
    least: 0,
    help: 'record worker N of several, 0 for the supervisor; by default the one with the most clients',
  },
} as const;

/**
 * The parameters of the request.
 * @param parseId reads an id such as `3:7`
 * @throws CommandError when several are set
 */
export function spanOf(
  last: string | undefined,
  duration: string | undefined,
  { frozen, worker }: { readonly frozen: string | undefined; readonly worker: number | undefined },
  parseId: (text: string) => number | undefined,
): { last: number; room?: number } | { ms: number; room?: number } | { frozen: number } {
  if ([last, duration, frozen].filter((each) => each !== undefined).length > 1)
    throw new CommandError('--last, --for and --frozen exclude each other', 2);
  if (frozen !== undefined) {
    const id = parseId(frozen);
    if (id !== undefined) return { frozen: id };
    throw new CommandError(`--frozen must be a number that --list shows, got ${quote(frozen)}`, 2);
  }
  const room = worker === undefined ? {} : { room: worker };
  if (duration !== undefined) return { ms: milliseconds('for', duration, 1, 600_000), ...room };
  return { last: milliseconds('last', last ?? '10s'), ...room };
}
