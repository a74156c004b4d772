// The programs of ./fixtures as child processes: started, sent signals to, and how they end.
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export const isDeno: boolean = 'Deno' in globalThis;

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

/** Plays a program of ./fixtures to its end; sends a signal each time it has printed the line that the signal waits for. */
export function play(
  program: string,
  signals: readonly (readonly [after: string, signal: 'SIGINT' | 'SIGTERM'])[],
  args: readonly string[] = [],
): Promise<Ended> {
  const child = startFixture(program, args);
  const left = [...signals];
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    const [next] = left;
    if (next === undefined || !out.includes(next[0])) return;
    left.shift();
    process.kill(child.pid as number, next[1]); // it runs: it has just written
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  return endOf(child).then((end) => ({ ...end, out, err }));
}

/** Starts a program of ./fixtures. */
export function startFixture(
  program: string,
  programArgs: readonly string[] = [],
): ChildProcessByStdio<null, Readable, Readable> {
  const file = fileURLToPath(new URL(`fixtures/${program}.js`, import.meta.url));
  const args = [...(isDeno ? ['run', '-A', file] : [file]), ...programArgs];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** How it ends, when all of its output has been read. */
export function endOf(child: ChildProcess): Promise<Pick<Ended, 'code' | 'signal'>> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      // Deno tells an exit with 128 + n as the signal n.
      if (isDeno && code === null && signal !== null) resolve({ code: 128 + constants.signals[signal], signal: null });
      else resolve({ code, signal });
    });
  });
}
