// Starts programs. Semantics: asyncio's `create_subprocess_exec` and `create_subprocess_shell`.
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { checkOptions, listOf } from '../base/index.ts';
import { Future, cancellable, outlast, waiting } from '../core/index.ts';
import { Process } from './process.ts';
import { programText, SUBPROCESS, type SubprocessOptions } from './subprocess-options.ts';

const ACTION = 'start program';
const argumentList = listOf('an array of texts', programText);

/**
 * Starts a program with arguments. Finds it on the PATH. No shell reads the arguments. Cancellable;
 * a cancel leaves no program behind. asyncio: `create_subprocess_exec`.
 * @throws the error of the system if the program cannot be started (ENOENT, EACCES, ...)
 * @throws TypeError or RangeError for wrong options
 * @throws CancelledError
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
  programText(ACTION, 'the program', program);
  argumentList(ACTION, 'args', args);
  checkOptions(ACTION, options, SUBPROCESS);
  if (!joinsOutput(options)) return waiting(start(program, [...args], program, options));
  // Here a shell joins both outputs into one pipe and then becomes the program. A missing program
  // would show as an error of the shell, so look for it first.
  const missing = whyMissing(program, options);
  if (missing !== undefined) return Promise.reject(missing);
  return waiting(start('/bin/sh', ['-c', 'exec "$0" "$@" 2>&1', program, ...args], program, options));
}

/**
 * Starts a command line in the shell of the system (`/bin/sh`; on Windows, cmd.exe). Never insert
 * text that you do not control: use `createSubprocessExec`, whose arguments no shell reads.
 * Cancellable; a cancel leaves no program behind. asyncio: `create_subprocess_shell`.
 * @throws what createSubprocessExec throws
 *
 * @example
 * ```ts
 * import { createSubprocessShell } from 'maitre/subprocess';
 * await using process = await createSubprocessShell('ls | wc -l', { stdout: 'pipe' });
 * console.log(String((await process.communicate()).stdout).trim());
 * ```
 */
export function createSubprocessShell(command: string, options: SubprocessOptions = {}): Promise<Process> {
  programText(ACTION, 'the command', command);
  checkOptions(ACTION, options, SUBPROCESS);
  const joined = joinsOutput(options) ? `exec 2>&1\n${command}` : command;
  return waiting(start(joined, [], command, options, { shell: true }));
}

/**
 * Returns true if both outputs share one pipe. If the output is not piped, the system sends the
 * error to the same place without help.
 */
function joinsOutput({ stdout, stderr }: SubprocessOptions): boolean {
  if (stderr !== 'stdout' || stdout !== 'pipe') return false;
  if (process.platform !== 'win32') return true;
  throw new RangeError(`Cannot ${ACTION}: { stdout: 'pipe', stderr: 'stdout' } needs a Unix system`);
}

async function start(
  program: string,
  args: string[],
  title: string,
  options: SubprocessOptions,
  more: SpawnOptions = {},
): Promise<Process> {
  const { stdin = 'inherit', stdout = 'inherit', stderr = 'inherit', cwd, env, processGroup = false } = options;
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
    await cancellable(started(child), options);
  } catch (error) {
    await outlast(abandoned(child));
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

/**
 * Closes the pipes of a program that was not started, or that no caller wants any more, and kills
 * it. Resolves when it has ended.
 */
function abandoned(child: ChildProcess): Future<void> {
  const ended = new Future<void>();
  child.on('error', () => ended.answer());
  child.once('exit', () => ended.answer());
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.on('error', () => undefined).destroy();
  if (child.pid === undefined) ended.answer();
  else child.kill('SIGKILL');
  return ended;
}

/**
 * Returns the error of a program that does not exist, in the form that spawn has. Returns undefined
 * if it exists.
 */
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
