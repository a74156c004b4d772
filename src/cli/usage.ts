// What every command shares: the help, the version, and how a command fails.
import { readFileSync } from 'node:fs';
import { parseArgs, type ParseArgsConfig } from 'node:util';

export const HELP = `Usage: maitre serve FILE [options]      serve every client with the function FILE exports by default
       maitre connect HOST:PORT | PATH [--tls]
                                         talk to a server: standard input goes there, its answers come here

Options of serve:
  --host HOST             address or name to listen on (default 127.0.0.1)
  --port PORT             TCP port, 0 to 65535; 0 lets the system choose (default 8002)
  --path PATH             listen on a Unix socket instead
                          (with none of these: on the sockets systemd handed over, if there are any)
  --tls-cert FILE         speak TLS with this certificate (its chain, in PEM form)
  --tls-key FILE          and this private key of it (in PEM form)
  --grace MS              milliseconds clients get to finish after Ctrl-C, SIGTERM or SIGHUP (default 10000)
  --max-connections N     clients served at once; more wait
  --concurrency N         handlers running at once; 1 serves one client after the other

Option of connect:
  --tls                   speak TLS, and verify the server's certificate for HOST

  --help, --version

FILE exports by default: async (reader, writer, connection) => { ... }
.ts files run as they are on Node 22.18 or later, Bun and Deno, and with tsx installed on older Node.
`;

/** A failure that is told in one line. */
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
}

export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return (manifest as { version: string }).version; // our own package.json
}

/** What was given of each option: a text, or true for a flag. */
type Values<O extends NonNullable<ParseArgsConfig['options']>> = {
  readonly [K in keyof O]?: O[K]['type'] extends 'boolean' ? boolean : string;
};

/** parseArgs of node:util, with its errors as usage errors, and --help of a command. */
export function parse<const O extends NonNullable<ParseArgsConfig['options']>>(
  args: string[],
  options: O,
): { values: Values<O>; positionals: string[]; help: boolean } {
  try {
    const all = { ...options, help: { type: 'boolean', short: 'h' } } as const;
    const { values, positionals } = parseArgs({ args, options: all, allowPositionals: true });
    const { help, ...rest } = values as Record<string, string | boolean | undefined>;
    return { values: rest as Values<O>, positionals, help: help === true }; // parseArgs holds their types
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
