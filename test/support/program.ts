// A program as a child process: what it prints, awaited line by line, and how it ends. Nothing of it outlives its test.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

/** The repository's root; this file runs as build/test/support/program.js. */
export const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The command `maitre`. */
export const maitre = join(root, 'dist/cli/main.js');

/** Whether this runtime parses `using`, as the sources of the examples have it. */
export const parsesUsing: boolean = (() => {
  try {
    return new Script('{ using nothing = null; }') instanceof Script;
  } catch {
    return false;
  }
})();

/** Whether this runtime runs .ts files. */
export const stripsTypes = Boolean((process.features as { typescript?: unknown }).typescript); // unknown to older types

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** What is started in place of Node: a program that starts it. */
  readonly command?: string;
  /** Descriptors of this process, or 'ipc', that the program has from 3 on. */
  readonly inherited?: readonly (number | 'ipc')[];
}

/** How a program ended. */
export interface Ended {
  /** The exit code; null after a signal that was not handled. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The programs that run. A test file that is ended before its tests are takes them with it. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * A shell that outlives this process, to kill what runs if this process is killed itself. It reads `+ PID` and `- PID`
 * from a pipe, whose end is the death of whoever holds the other one.
 */
const KEEPER = `
pids=' '
while read -r what pid; do
  case $what in
    +) pids="$pids$pid " ;;
    -) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
  esac
done
for pid in $pids; do kill -9 "$pid"; done 2>/dev/null`;

/** Tells the keeper what runs. The first call starts it. */
let keep = (what: '+' | '-', pid: number | undefined): void => {
  if (process.platform === 'win32') return;
  const keeper = spawn('/bin/sh', ['-c', KEEPER], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  keeper.on('error', () => undefined); // without it, all else works
  keeper.stdin.on('error', () => undefined);
  keeper.unref();
  // A pipe is a socket; on Bun it is not, and does not hold the process.
  (keeper.stdin as Partial<Socket>).unref?.();
  keep = (sign, id) => void keeper.stdin.write(`${sign} ${id}\n`);
  keep(what, pid);
};

/** A running program. At the end of its block, it is killed if it still runs. */
export class Program implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #chunks: Record<'stdout' | 'stderr', string> = { stdout: '', stderr: '' };
  readonly #watchers = new Set<() => void>();
  readonly #ended: Promise<Ended>;
  #over = false;

  /** Starts Node (or what runs this test) with `args`. */
  constructor(
    args: readonly string[],
    { cwd = root, env = {}, command = process.execPath, inherited = [] }: ProgramOptions = {},
  ) {
    // Without the test runner's own variables: a program is not to think that it is a test file.
    const { NODE_TEST_CONTEXT: _, ...own } = process.env;
    this.child = spawn(command, args, { cwd, env: { ...own, ...env }, stdio: ['pipe', 'pipe', 'pipe', ...inherited] });
    running.add(this.child);
    if (this.child.pid !== undefined) keep('+', this.child.pid);
    for (const name of ['stdout', 'stderr'] as const) {
      this.child[name]?.setEncoding('utf8').on('data', (text: string) => {
        this.#chunks[name] += text;
        this.#tell();
      });
    }
    this.child.stdin?.on('error', () => undefined); // it need not read all that it is given
    this.#ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) => {
        this.#over = true;
        running.delete(this.child);
        if (this.child.pid !== undefined) keep('-', this.child.pid);
        this.#tell();
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
    this.#ended.catch(() => undefined); // heard by whoever waits for the end
  }

  get stdout(): string {
    return this.#chunks.stdout;
  }

  get stderr(): string {
    return this.#chunks.stderr;
  }

  /** Resolves with the match once the output matches; rejects with all of it when the program ends before. */
  sees(pattern: RegExp, from: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.#chunks[from]);
        if (match !== null) resolve(match);
        else if (this.#over) reject(new Error(`ended without ${pattern}:\n${this.stdout}\n${this.stderr}`));
        else return;
        this.#watchers.delete(look);
      };
      this.#watchers.add(look);
      look();
    });
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Resolves when it has ended and all of its output is there. */
  ended(): Promise<Ended> {
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#over) this.child.kill('SIGKILL');
    this.child.stdin?.destroy();
    await this.#ended;
  }

  #tell(): void {
    for (const look of this.#watchers) look();
  }
}

/** Runs `maitre` with `args` to its end, without any input. */
export async function runMaitre(args: readonly string[], options?: ProgramOptions, command = maitre): Promise<Ended> {
  await using program = new Program([command, ...args], options);
  program.child.stdin?.end();
  return await program.ended();
}

export interface Serving extends AsyncDisposable {
  readonly program: Program;
  readonly port: number;
}

/** Starts `maitre serve` on a port of the system's choice, and waits for all of its banner. */
export async function startServing(
  args: readonly string[],
  options?: ProgramOptions,
  command = maitre,
): Promise<Serving> {
  const program = new Program([command, 'serve', ...args, '--port', '0'], options);
  try {
    const [, port] = await program.sees(/maitre connect \S*:(\d+)(?: --tls)?\n/);
    return { program, port: Number(port), [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}

/** The arguments with which this runtime runs a TypeScript program of the examples. */
export function programArgs(file: string, ...args: readonly string[]): string[] {
  return stripsTypes && parsesUsing ? [file, ...args] : ['--import', 'tsx', file, ...args];
}

/** Sends a signal and checks that the program ends with `code` within `ms` milliseconds. */
export async function endsWith(program: Program, signal: NodeJS.Signals, code: number, ms: number): Promise<Ended> {
  const start = performance.now();
  program.signal(signal);
  const end = await program.ended();
  const took = performance.now() - start;
  assert.deepEqual([end.code, end.signal], [code, null], `${end.stdout}\n${end.stderr}`);
  assert.ok(took <= ms, `took ${took.toFixed(0)} ms to end`);
  return end;
}

/** A folder of its own for a test, gone at the end of its block. */
export class Folder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'maitre-'));

  /** Writes a file and returns its path. */
  write(name: string, text: string, mode = 0o644): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Whether a process runs. One that has ended and that nobody waited for does not: in a container without an init, they stay. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}
