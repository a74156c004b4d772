// Starting programs. Semantics: asyncio's `create_subprocess_exec` and `create_subprocess_shell`.
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { listOf } from '../base/index.ts';
import { Future, cancellable, waiting } from '../core/index.ts';
import { Process } from './process.ts';
import { checkSubprocessOptions, checkText, programText, type SubprocessOptions } from './subprocess-options.ts';

const checkArguments = listOf('an array of texts', programText);

/**
 * Starts a program, which is looked for on the PATH, with arguments that no shell reads. Cancelled, it leaves no program behind.
 * @throws the system's error when it cannot be started (ENOENT, EACCES, ...); TypeError or RangeError for wrong options;
 * CancelledError
 *
 * @example
 * ```ts
 * import { createSubprocessExec } from 'maitre/subprocess';
 * await using process = await createSubprocessExec('printf', ['%s\n', 'soup'], { stdout: 'pipe' });
 * for await (const line of process.stdout!.lines()) console.log(line);
 * console.log(await process.wait()); // 0
 * ```
 */
export function createSubprocessExec(
  program: string,
  args: readonly string[] = [],
  options: SubprocessOptions = {},
): Promise<Process> {
  checkText(program, 'the program');
  checkArguments('start program', 'args', args);
  checkSubprocessOptions(options);
  if (!joinsOutput(options)) return waiting(start(program, [...args], program, options));
  // The shell joins both outputs into one pipe and becomes the program.
  const missing = whyMissing(program, options);
  if (missing !== undefined) return Promise.reject(missing);
  return waiting(start('/bin/sh', ['-c', 'exec "$0" "$@" 2>&1', program, ...args], program, options));
}

/**
 * Starts a command line in the system's shell (`/bin/sh`, on Windows cmd.exe). Never put a stranger's text into it: use
 * `createSubprocessExec`, whose arguments no shell reads. Cancelled, it leaves no program behind.
 * @throws as createSubprocessExec
 *
 * @example
 * ```ts
 * import { createSubprocessShell } from 'maitre/subprocess';
 * await using process = await createSubprocessShell('ls | wc -l', { stdout: 'pipe' });
 * console.log(String((await process.communicate()).stdout).trim());
 * ```
 */
export function createSubprocessShell(command: string, options: SubprocessOptions = {}): Promise<Process> {
  checkText(command, 'the command');
  checkSubprocessOptions(options);
  const joined = joinsOutput(options) ? `exec 2>&1\n${command}` : command;
  return waiting(start(joined, [], command, options, { shell: true }));
}

/** Both outputs go into one pipe; where the output is no pipe, the error goes to the same place by itself. */
function joinsOutput({ stdout, stderr }: SubprocessOptions): boolean {
  if (stderr !== 'stdout' || stdout !== 'pipe') return false;
  if (process.platform !== 'win32') return true;
  throw new RangeError("Cannot start program: { stdout: 'pipe', stderr: 'stdout' } needs a Unix system");
}

async function start(
  program: string,
  args: string[],
  title: string,
  options: SubprocessOptions,
  more: SpawnOptions = {},
): Promise<Process> {
  const { stdin = 'inherit', stdout = 'inherit', stderr = 'inherit', cwd, env, processGroup = false, signal } = options;
  const child = spawn(program, args, {
    stdio: [
      stdin,
      stdout,
      stderr !== 'stdout' ? stderr : stdout === 'pipe' ? 'ignore' : stdout === 'inherit' ? 1 : stdout,
    ],
    cwd,
    env,
    detached: processGroup && process.platform !== 'win32',
    windowsHide: true,
    ...more,
  });
  try {
    await cancellable(started(child), signal === undefined ? undefined : { signal });
  } catch (error) {
    abandon(child);
    throw error;
  }
  return Process.make(child, title, options);
}

function started(child: ChildProcess): Future<void> {
  const done = new Future<void>();
  child.once('spawn', () => done.answer());
  child.once('error', (error) => done.fail(error));
  return done;
}

/** Of a program that was not started, or that nobody wants any more: its pipes are closed, and it is killed. */
function abandon(child: ChildProcess): void {
  child.on('error', () => undefined);
  child.kill('SIGKILL');
  child.once('spawn', () => child.kill('SIGKILL'));
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.on('error', () => undefined).destroy();
}

/** The error of a program that is not there, as spawn has it; undefined when it is. */
function whyMissing(program: string, { cwd = '.', env = process.env }: SubprocessOptions): Error | undefined {
  const folders = program.includes('/') ? [''] : (env['PATH'] ?? '/usr/bin:/bin').split(delimiter);
  let code = 'ENOENT';
  for (const folder of folders) {
    const path = resolve(cwd, folder === '' ? program : join(folder, program));
    try {
      if (!statSync(path).isFile()) throw Object.assign(new Error('a folder'), { code: 'EACCES' });
      accessSync(path, constants.X_OK);
      return undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EACCES') code = 'EACCES';
    }
  }
  return Object.assign(new Error(`spawn ${program} ${code}`), { code, syscall: `spawn ${program}`, path: program });
}
