// Programs that tests of net start and talk to: fixtures on the runtime the test runs on, and others that may be there.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isBun, isDeno, until } from './sockets.js';

/** A running program, with what it has printed. */
export class Program implements AsyncDisposable {
  readonly child: ChildProcess;
  output = '';
  errors = '';
  /** The exit code, or the signal's name; undefined while it runs. */
  end: number | string | undefined;

  constructor(command: string, args: readonly string[], input = '') {
    this.child = spawn(command, args, { stdio: 'pipe' });
    this.child.stdin?.on('error', () => undefined); // it ended without reading
    this.child.stdin?.end(input);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
    this.child.on('error', (error) => (this.errors += String(error)));
    // Deno takes the code 128 + n of a program that ended by itself for its death by signal n.
    this.child.on('close', (code, signal) => {
      this.end = code ?? (isDeno && signal !== null ? 128 + constants.signals[signal] : (signal ?? -1));
    });
  }

  /** Waits for a line on its output, and gives what the pattern's first group matched. */
  async prints(pattern: RegExp): Promise<string> {
    await until(
      () => pattern.test(this.output) || this.end !== undefined,
      `${String(pattern)} in ${JSON.stringify(this.output)}`,
    );
    const match = pattern.exec(this.output);
    if (match === null) throw new Error(`The program ended with ${this.end}: ${this.output}${this.errors}`);
    return match[1] ?? match[0];
  }

  /** Waits for its end, at most `ms` milliseconds. */
  async ends(ms?: number): Promise<number | string> {
    await until(() => this.end !== undefined, `the end of ${this.child.spawnargs.join(' ')}`, ms);
    return this.end ?? -1;
  }

  /** Sends a signal; Deno's own `child.kill` sends one and no more. */
  kill(signal: NodeJS.Signals): void {
    if (this.end === undefined && this.child.pid !== undefined) process.kill(this.child.pid, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL');
    await this.ends();
  }
}

/** How a fixture of this folder is started on this runtime. */
export function fixtureCommand(name: string, ...args: string[]): [string, string[]] {
  const file = fileURLToPath(new URL(`fixtures/${name}.js`, import.meta.url));
  const options = isDeno ? ['run', '--allow-all', '--no-lock'] : isBun ? ['run'] : [];
  return [process.execPath, [...options, file, ...args]];
}

export function startFixture(name: string, ...args: string[]): Program {
  return new Program(...fixtureCommand(name, ...args));
}

/** Why a test that needs this program is skipped; false when it is there. Where CI is set, nothing may be missing. */
export function missing(command: string): string | false {
  const found = spawnSync(command, ['--help'], { stdio: 'ignore' }).error === undefined;
  return found || process.env['CI'] !== undefined ? false : `${command} is not installed`;
}
