// Process: a running program.
//
// States: RUNNING -(the system reports its end)-> ENDED. Only a program that was started becomes a
// Process.
//
// - `wait` resolves when the program ends, not when its pipes do: a child of the program may hold
//   those much longer. `communicate` reads the pipes to their ends.
// - Ending it (`await using`, killOnCancel, the end of run) takes two steps: SIGTERM, then SIGKILL
//   after killGrace. If it has a process group, members of the group that are left when the program
//   has ended are killed too.
// - A signal to a program that has ended does nothing: its id may belong to another program by now.
// - What it wrote before a crash stays in the pipes until it is read.
//
// Example, with killGrace 5000: `await using` goes out of scope at 0 s. SIGTERM is sent, and the
// program ignores it. SIGKILL is sent at 5 s, the system reports the end, and the disposal
// resolves, even if its task was cancelled meanwhile.
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import {
  answeredWait,
  beginWait,
  CalledProcessError,
  callLater,
  CancelledError,
  ConnectionLostError,
  createTask,
  type Handle,
  inTask,
  LimitOverrunError,
  Line,
  mayAnswer,
  outlast,
  QueuedWait,
  Resource,
  TaskGroup,
  waiting,
  type WaitOptions,
} from '../core/index.ts';
import { fromNodeReadable, fromNodeWritable } from '../adapters/index.ts';
import { anything, type Checks, checkOptions, notNegative } from '../base/index.ts';
import type { StreamReader, StreamWriter } from '../streams/index.ts';
import { DEFAULT_KILL_GRACE, type SubprocessOptions } from './subprocess-options.ts';

/** The maximum bytes of each output that `communicate` reads, by default. */
const MAX_OUTPUT = 64 * 1024 * 1024;

/** The figures of a process. */
export interface ProcessStatistics {
  readonly pid: number;
  readonly program: string;
  readonly returncode: number | null;
  /** The number of calls of `wait` that wait. */
  readonly waiting: number;
}

/** The result of `communicate`. null for an output that was not piped. */
export interface Output {
  readonly stdout: Buffer | null;
  readonly stderr: Buffer | null;
}

/** Options of `communicate`. */
export interface CommunicateOptions extends WaitOptions {
  /**
   * The maximum bytes of each output. A program that writes more is killed. Defaults to 64 MiB;
   * Infinity means no limit.
   */
  readonly maxOutput?: number | undefined;
}

const COMMUNICATE: Checks<CommunicateOptions> = { maxOutput: notNegative('a number of bytes'), signal: anything };

/**
 * A program that was started with `createSubprocessExec` or `createSubprocessShell`. Disposing it
 * (`await using`) ends the program, and so does the end of `run()`: SIGTERM, then SIGKILL after
 * `killGrace`. asyncio: `Process`.
 *
 * @example
 * ```ts
 * import { createSubprocessExec } from 'maitre/subprocess';
 * await using sort = await createSubprocessExec('sort', [], { stdin: 'pipe', stdout: 'pipe' });
 * const { stdout } = await sort.communicate('b\na\n');
 * console.log(String(stdout)); // a, b
 * ```
 */
export class Process extends Resource implements AsyncDisposable {
  /** The id that the system assigned. Once the program has ended, another one may receive it. */
  readonly pid: number;
  /** Its standard input. null unless it is piped. */
  readonly stdin: StreamWriter | null;
  /** Its standard output. null unless it is piped. */
  readonly stdout: StreamReader | null;
  /** Its standard error. null unless it has a pipe of its own. */
  readonly stderr: StreamReader | null;
  readonly #child: ChildProcess;
  readonly #title: string;
  readonly #options: SubprocessOptions;
  readonly #waiters = new Line<number>();
  #returncode: number | null = null;
  /** The timer of SIGKILL. Undefined unless the program is being ended. */
  #killing: Handle | undefined = undefined;

  /**
   * Called by createSubprocessExec and createSubprocessShell only, with a child that runs.
   * @internal
   */
  static make(child: ChildProcess, title: string, options: SubprocessOptions): Process {
    return new Process(child, title, options);
  }

  private constructor(child: ChildProcess, title: string, options: SubprocessOptions) {
    super();
    this.#child = child;
    this.#title = title;
    this.#options = options;
    this.pid = child.pid as number; // defined: the child was started
    const limits = options.limit === undefined ? {} : { limit: options.limit };
    this.stdin = child.stdin === null ? null : fromNodeWritable(child.stdin);
    this.stdout = child.stdout === null ? null : fromNodeReadable(child.stdout, limits);
    this.stderr = child.stderr === null ? null : fromNodeReadable(child.stderr, limits);
    child.on('exit', (code, signal) => this.#ended(code, signal));
    child.on('error', () => undefined); // a signal that could not be sent
    this.markOpened();
  }

  get kind(): 'process' {
    return 'process';
  }

  protected override get hasEnd(): true {
    return true;
  }

  /** @internal */
  override get label(): string {
    return `process ${this.pid} (${this.#title})`;
  }

  override statistics(): ProcessStatistics {
    return { pid: this.pid, program: this.#title, returncode: this.#returncode, waiting: this.#waiters.size };
  }

  override toString(): string {
    const state = this.#returncode === null ? 'running' : `ended with ${this.#returncode}`;
    return `<Process ${JSON.stringify(this.#title)} ${state}, pid ${this.pid}>`;
  }

  /**
   * Its exit code, or minus the number of the signal that ended it. null while it runs. asyncio:
   * `Process.returncode`.
   */
  get returncode(): number | null {
    return this.#returncode;
  }

  /**
   * Waits until the program has ended. Any number of tasks may wait. Cancellable; a cancel leaves
   * the program running, unless `killOnCancel` is set. asyncio: `Process.wait`.
   * @returns its exit code, or minus the number of the signal that ended it
   * @throws CalledProcessError with the option `check`, unless the exit code is 0
   * @throws CancelledError
   */
  wait(options?: WaitOptions): Promise<number> {
    return waiting(this.#orKill(() => this.#checked(options, {})));
  }

  /**
   * Writes `input` if there is any, closes the standard input, reads the piped outputs to their
   * ends and waits for the program. A program that does not read its input is not an error.
   * Cancellable, as `wait` is. asyncio: `Process.communicate`.
   * @param input text (as UTF-8) or bytes
   * @throws TypeError for an input without a pipe
   * @throws LimitOverrunError if an output is longer than `maxOutput`; the program is then killed
   * @throws CalledProcessError with the option `check`, unless the exit code is 0
   * @throws CancelledError
   *
   * @example
   * ```ts
   * import { createSubprocessExec } from 'maitre/subprocess';
   * await using wc = await createSubprocessExec('wc', ['-c'], { stdin: 'pipe', stdout: 'pipe' });
   * const { stdout } = await wc.communicate('soup');
   * console.log(String(stdout).trim()); // 4
   * ```
   */
  communicate(input?: string | Uint8Array, options: CommunicateOptions = {}): Promise<Output> {
    return waiting(this.#orKill(() => this.#communicate(input, options)));
  }

  /**
   * Sends it a signal, by name or number. If it has a process group, sends it to the whole group.
   * Does nothing if it has ended. asyncio: `Process.send_signal`.
   */
  sendSignal(signal: NodeJS.Signals | number): void {
    if (this.#returncode === null) this.#signal(signal);
  }

  /** Requests its end: sends SIGTERM. asyncio: `Process.terminate`. */
  terminate(): void {
    this.sendSignal('SIGTERM');
  }

  /** Ends it at once: sends SIGKILL. asyncio: `Process.kill`. */
  kill(): void {
    this.sendSignal('SIGKILL');
  }

  /**
   * Ends the program unless it has ended, and closes its pipes. What was not read from them is
   * lost.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#end(this.#killGrace);
    } finally {
      this.#closePipes();
    }
  }

  /** @internal */
  override async endWithin(grace: number): Promise<void> {
    try {
      await this.#end(Math.min(grace, this.#killGrace));
    } finally {
      this.#closePipes();
    }
  }

  /** @internal */
  override endNow(): void {
    this.kill();
    this.#closePipes();
  }

  get #killGrace(): number {
    return this.#options.killGrace ?? DEFAULT_KILL_GRACE;
  }

  async #checked(options: WaitOptions | undefined, output: Partial<Output>): Promise<number> {
    const returncode = await this.#exit(options);
    if (this.#options.check !== true || returncode === 0) return returncode;
    throw new CalledProcessError(`${this.#title} ended with ${outcomeOf(returncode)}`, returncode, output);
  }

  #exit(options?: WaitOptions): Promise<number> {
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    const returncode = this.#returncode;
    if (returncode === null) return this.#waiters.join(new QueuedWait('process.wait', this, options));
    if (mayAnswer(options)) return Promise.resolve(returncode);
    return answeredWait('process.wait', this, returncode, options);
  }

  async #communicate(input: string | Uint8Array | undefined, options: CommunicateOptions): Promise<Output> {
    checkOptions('communicate', options, COMMUNICATE);
    const { maxOutput = MAX_OUTPUT } = options;
    const { stdin, stdout, stderr } = this;
    if (input !== undefined && stdin === null) {
      throw new TypeError(
        `Cannot communicate: the input of ${this.#title} is no pipe, start it with { stdin: 'pipe' }`,
      );
    }
    const output: { stdout: Buffer | null; stderr: Buffer | null } = { stdout: null, stderr: null };
    const talk = async (): Promise<void> => {
      await TaskGroup.run((group) => {
        if (stdin !== null) group.createTask(() => feed(stdin, input));
        if (stdout !== null) group.createTask(async () => void (output.stdout = await this.#all(stdout, maxOutput)));
        if (stderr !== null) group.createTask(async () => void (output.stderr = await this.#all(stderr, maxOutput)));
      });
      await this.#checked(undefined, output);
    };
    await inTask('process.communicate', talk, options).catch((error: unknown) => {
      throw onlyErrorOf(error);
    });
    return output;
  }

  async #all(reader: StreamReader, most: number): Promise<Buffer> {
    try {
      return await reader.readAll(most);
    } catch (error) {
      if (!(error instanceof LimitOverrunError)) throw error;
      this.kill();
      const message = `Cannot communicate: ${this.#title} wrote more than ${most} bytes and was killed`;
      const advice = 'allow more with { maxOutput: BYTES }, or read its pipes';
      throw new LimitOverrunError(`${message}; ${advice}`, error.consumed);
    }
  }

  /** Calls `fn`. With killOnCancel, a cancel ends the program before this rejects. */
  async #orKill<T>(fn: () => Promise<T>): Promise<T> {
    try {
      return await fn();
    } catch (error) {
      if (error instanceof CancelledError && this.#options.killOnCancel === true) await this.#endForSure();
      throw error;
    }
  }

  /**
   * Ends the program in a task of its own and waits for that task, however often the caller is
   * cancelled meanwhile. It takes bounded time.
   */
  async #endForSure(): Promise<void> {
    await outlast(createTask(() => this.#end(this.#killGrace), { name: `end of ${this.label}` }));
  }

  /** Sends SIGTERM now and SIGKILL after `grace` milliseconds. Waits for the end of the program. */
  async #end(grace: number): Promise<void> {
    if (this.#returncode !== null) return;
    if (this.#killing === undefined) {
      this.terminate();
      this.#killing = callLater(grace, () => this.kill());
    }
    await this.#exit();
  }

  /**
   * Sends a signal by id: Deno's own `kill` of a child sends only one signal in its life. The id
   * belongs to the child until its end is reported.
   */
  #signal(signal: NodeJS.Signals | number): void {
    const isGroup = this.#options.processGroup === true && process.platform !== 'win32';
    try {
      process.kill(isGroup ? -this.pid : this.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it has ended just now
    }
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#killing !== undefined && this.#options.processGroup === true) this.#signal('SIGKILL');
    this.#killing?.cancel();
    this.#returncode = code ?? -(signal === null ? 0 : constants.signals[signal]);
    this.#waiters.answerAll(this.#returncode);
    this.markClosed();
  }

  #closePipes(): void {
    const { stdin, stdout, stderr } = this.#child;
    this.stdin?.abort();
    for (const pipe of [stdin, stdout, stderr]) pipe?.destroy();
  }
}

/** Writes all of the input and closes it. Ignores a program that reads no more. */
async function feed(stdin: StreamWriter, input: string | Uint8Array | undefined): Promise<void> {
  if (input !== undefined) stdin.write(input);
  stdin.close();
  try {
    await stdin.waitClosed();
  } catch (error) {
    if (!(error instanceof ConnectionLostError)) throw error;
  }
}

/** Returns the only error of a group's error, or the group's error itself. */
function onlyErrorOf(error: unknown): unknown {
  const errors: unknown = (error as { readonly errors?: unknown } | null)?.errors;
  return Array.isArray(errors) && errors.length === 1 ? errors[0] : error;
}

function outcomeOf(returncode: number): string {
  if (returncode >= 0) return `exit code ${returncode}`;
  const name = Object.entries(constants.signals).find(([, number]) => number === -returncode)?.[0];
  return `signal ${name ?? -returncode}`;
}
