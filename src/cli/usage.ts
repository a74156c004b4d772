// What every command shares: the help, the version, and how a command fails.
import { readFileSync } from 'node:fs';
import { parseArgs, type ParseArgsConfig } from 'node:util';

export const HELP = `Usage: maitre serve FILE [options]      serve every client with the function FILE exports by default
       maitre connect HOST:PORT | PATH   talk to a server: standard input goes there, its answers come here

Options of serve:
  --host HOST             address or name to listen on (default 127.0.0.1)
  --port PORT             TCP port, 0 to 65535; 0 lets the system choose (default 8002)
  --path PATH             listen on a Unix socket instead
                          (with none of these: on the sockets systemd handed over, if there are any)
  --grace MS              milliseconds clients get to finish after Ctrl-C or SIGTERM (default 10000)
  --max-connections N     clients served at once; more wait
  --concurrency N         handlers running at once; 1 serves one client after the other

  --help, --version

FILE exports by default: async (reader, writer, connection) => { ... }
.ts files run as they are on Node 22.18 or later, Bun and Deno, and with tsx installed on older Node.
`;

/** A failure that is told in one line. */
export class CommandError extends Error {
  /** 1: it failed; 2: wrong usage. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2) {
    super(message);
    this.exitCode = exitCode;
  }
}

export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return (manifest as { version: string }).version; // our own package.json
}

/** parseArgs of node:util, with its errors as usage errors, and --help of a command. */
export function parse<const O extends NonNullable<ParseArgsConfig['options']>>(
  args: string[],
  options: O,
): { values: Partial<Record<keyof O, string>>; positionals: string[]; help: boolean } {
  try {
    const all = { ...options, help: { type: 'boolean', short: 'h' } } as const;
    const { values, positionals } = parseArgs({ args, options: all, allowPositionals: true });
    const { help, ...rest } = values as Record<string, string | boolean | undefined>;
    return { values: rest as Partial<Record<keyof O, string>>, positionals, help: help === true }; // all others are strings
  } catch (error) {
    const [line = ''] = (error as Error).message.split('\n'); // parseArgs throws Errors
    throw new CommandError(line.replace(/\. To specify.*$/, ''), 2);
  }
}

/** An option's whole number. */
export function toCount(
  name: string,
  text: string | undefined,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `of ${least} or more` : `from ${least} to ${most}`;
  throw new CommandError(`--${name} must be a whole number ${range}, got ${JSON.stringify(text)}`, 2);
}
