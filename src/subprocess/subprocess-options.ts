// The options of starting a program, their defaults and checks.
import {
  anything,
  type Check,
  type Checks,
  flag,
  isObject,
  notNegativeMs,
  ofType,
  oneOf,
  positive,
  wrongValue,
} from '../base/index.ts';
import type { WaitOptions } from '../core/index.ts';

/** Options of `createSubprocessExec` and `createSubprocessShell`. */
export interface SubprocessOptions extends WaitOptions {
  /** The source of its standard input. Defaults to `inherit`: that of this process. */
  readonly stdin?: 'pipe' | 'inherit' | 'ignore' | undefined;
  /** The target of its standard output. Defaults to `inherit`. */
  readonly stdout?: 'pipe' | 'inherit' | 'ignore' | undefined;
  /**
   * The target of its standard error. `stdout` sends it where the output goes, in order. Defaults
   * to `inherit`.
   */
  readonly stderr?: 'pipe' | 'inherit' | 'ignore' | 'stdout' | undefined;
  /** The folder in which it starts. Defaults to that of this process. */
  readonly cwd?: string | undefined;
  /** Its environment. Defaults to that of this process. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /**
   * Makes `wait` and `communicate` reject with CalledProcessError unless the exit code is 0.
   * Defaults to false.
   */
  readonly check?: boolean | undefined;
  /**
   * Ends the program when a `wait` or `communicate` is cancelled. The call then rejects once the
   * program has ended. Defaults to false.
   */
  readonly killOnCancel?: boolean | undefined;
  /**
   * Milliseconds between SIGTERM and SIGKILL when the program is ended by `killOnCancel`, `await
   * using` or run(). Defaults to 5000.
   */
  readonly killGrace?: number | undefined;
  /**
   * Starts it in a process group of its own, which receives all signals: its children end with it.
   * Not on Windows. Defaults to false.
   */
  readonly processGroup?: boolean | undefined;
  /** The limit of its readers, in bytes, as in StreamReader. Defaults to 65536. */
  readonly limit?: number | undefined;
}

/** Milliseconds. */
export const DEFAULT_KILL_GRACE = 5000;

/** The check for text that can be passed to a program. */
export const programText: Check = ofType('string', 'text without a null character', (text) => !text.includes('\0'));

/** The checks for every option of createSubprocessExec and createSubprocessShell. */
export const SUBPROCESS: Checks<SubprocessOptions> = {
  stdin: oneOf('pipe, inherit or ignore'),
  stdout: oneOf('pipe, inherit or ignore'),
  stderr: oneOf('pipe, inherit, ignore or stdout'),
  cwd: programText,
  env: ofObject,
  check: flag,
  killOnCancel: flag,
  killGrace: notNegativeMs,
  processGroup: flag,
  limit: positive('a number of bytes'),
  signal: anything,
};

function ofObject(action: string, name: string, value: unknown): void {
  if (!isObject(value)) throw wrongValue(action, name, 'an object', value);
}
