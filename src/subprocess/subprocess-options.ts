// How a program is started: options, their defaults and checks.
import {
  anything,
  type Check,
  type Checks,
  checkOptions,
  flag,
  isObject,
  notNegativeMs,
  ofType,
  oneOf,
  positive,
  wrongValue,
} from '../base/index.ts';
import type { WaitOptions } from '../core/index.ts';

export interface SubprocessOptions extends WaitOptions {
  /** Where its standard input comes from. Default `inherit`: this process's own. */
  readonly stdin?: 'pipe' | 'inherit' | 'ignore' | undefined;
  /** Where its standard output goes. Default `inherit`. */
  readonly stdout?: 'pipe' | 'inherit' | 'ignore' | undefined;
  /** Where its standard error goes; `stdout`: to the same place, in order. Default `inherit`. */
  readonly stderr?: 'pipe' | 'inherit' | 'ignore' | 'stdout' | undefined;
  /** The folder it starts in. Default: this process's. */
  readonly cwd?: string | undefined;
  /** Its environment. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Makes `wait` and `communicate` reject with CalledProcessError unless it ends with 0. Default false. */
  readonly check?: boolean | undefined;
  /** Ends it when a `wait` or `communicate` is cancelled, which then waits until it has ended. Default false. */
  readonly killOnCancel?: boolean | undefined;
  /** Milliseconds between SIGTERM and SIGKILL, when it is ended with `killOnCancel`, `await using` or run(). Default 5000. */
  readonly killGrace?: number | undefined;
  /** Starts it in a process group of its own, which all signals go to: its children end with it. Not on Windows. Default false. */
  readonly processGroup?: boolean | undefined;
  /** Bytes: the readers' limit, as of StreamReader. Default 65536. */
  readonly limit?: number | undefined;
}

/** Milliseconds. */
export const DEFAULT_KILL_GRACE = 5000;

const PROGRAM = 'start program';

/** Text that can be passed to a program. */
export const programText: Check = ofType('string', 'text without a null character', (text) => !text.includes('\0'));

/** All options of createSubprocessExec and createSubprocessShell. */
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

/** @throws TypeError or RangeError that names the option and what was expected */
export function checkSubprocessOptions(options: SubprocessOptions): void {
  checkOptions(PROGRAM, options, SUBPROCESS);
}

/** @throws TypeError or RangeError unless it is text that can be passed to a program */
export function checkText(value: unknown, what: string): void {
  programText(PROGRAM, what, value);
}

function ofObject(action: string, name: string, value: unknown): void {
  if (!isObject(value)) throw wrongValue(action, name, 'an object', value);
}
