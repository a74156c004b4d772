// A running program.
//
// States: RUNNING -(the system says that it has ended)-> ENDED. Only a program that was started becomes a Process.
//
// - `wait` resolves at the end of the program, not at that of its pipes: a child of its own may hold those much longer.
//   `communicate` reads the pipes to their ends.
// - Ending it (`await using`, killOnCancel, the end of run) takes two steps: SIGTERM, and SIGKILL after killGrace. With a process
//   group, whoever is left of the group when the program has ended by this is killed too.
// - A signal to a program that has ended does nothing: its id may belong to another one by now.
// - What it wrote before it crashed stays in the pipes until somebody reads it.
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

/** Bytes of each output that `communicate` takes by default. */
const MAX_OUTPUT = 64 * 1024 * 1024;
/** Bytes of one read of `communicate`. */
const CHUNK = 65536;

/** The figures of a process. */
export interface ProcessStatistics {
  readonly pid: number;
  readonly program: string;
  readonly returncode: number | null;
  /** Calls of `wait` that wait. */
  readonly waiting: number;
}

/** What `communicate` returns; null for what was not piped. */
export interface Output {
  readonly stdout: Buffer | null;
  readonly stderr: Buffer | null;
}

export interface CommunicateOptions extends WaitOptions {
  /** Bytes that each of the outputs may have; a program that writes more is killed. Default 64 MiB; Infinity: no limit. */
  readonly maxOutput?: number | undefined;
}

const COMMUNICATE: Checks<CommunicateOptions> = { maxOutput: notNegative('a number of bytes'), signal: anything };

/**
 * A program that was started with `createSubprocessExec` or `createSubprocessShell`. Disposed of (`await using`), and at the end of
 * `run()`, it is ended: SIGTERM, then SIGKILL after `killGrace`. asyncio: `Process`.
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
  /** The id that the system gave it; other programs get it once this one has ended. */
  readonly pid: number;
  /** Its standard input; null unless it is piped. */
  readonly stdin: StreamWriter | null;
  /** Its standard output; null unless it is piped. */
  readonly stdout: StreamReader | null;
  /** Its standard error; null unless it is piped by itself. */
  readonly stderr: StreamReader | null;
  readonly #child: ChildProcess;
  readonly #title: string;
  readonly #options: SubprocessOptions;
  readonly #waiters = new Line<number>();
  #returncode: number | null = null;
  /** It is being ended: SIGKILL follows. */
  #killing: Handle | undefined = undefined;

  /** For createSubprocessExec and createSubprocessShell, of a child that runs. @internal */
  static make(child: ChildProcess, title: string, options: SubprocessOptions): Process {
    return new Process(child, title, options);
  }

  private constructor(child: ChildProcess, title: string, options: SubprocessOptions) {
    super();
    this.#child = child;
    this.#title = title;
    this.#options = options;
    this.pid = child.pid as number; // it was started
    const limits = options.limit === undefined ? {} : { limit: options.limit };
    this.stdin = child.stdin === null ? null : fromNodeWritable(child.stdin);
    this.stdout = child.stdout === null ? null : fromNodeReadable(child.stdout, limits);
    this.stderr = child.stderr === null ? null : fromNodeReadable(child.stderr, limits);
    child.on('exit', (code, signal) => this.#ended(code, signal));
    child.on('error', () => undefined); // of a signal that could not be sent
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

  /** Its exit code, below 0 the number of the signal that ended it; null while it runs. */
  get returncode(): number | null {
    return this.#returncode;
  }

  /**
   * Waits until it has ended. Any number of tasks may wait. Cancelled, it leaves the program alone, unless `killOnCancel` is set.
   * @returns its exit code, below 0 the number of the signal that ended it
   * @throws CalledProcessError with `check`, unless it is 0; CancelledError
   */
  wait(options?: WaitOptions): Promise<number> {
    return waiting(this.#orKill(() => this.#checked(options, {})));
  }

  /**
   * Writes `input`, if any, closes its standard input, reads its piped outputs to their ends and waits for the program. A
   * program that does not read its input is no error. asyncio: `Process.communicate`.
   * @throws InvalidStateError for an input without a pipe; LimitOverrunError for an output longer than `maxOutput`, and then the
   * program is killed; CalledProcessError with `check`; CancelledError
   */
  communicate(input?: string | Uint8Array, options: CommunicateOptions = {}): Promise<Output> {
    return waiting(this.#orKill(() => this.#communicate(input, options)));
  }

  /** Sends it a signal, by name or number; to its whole group, if it has one. Nothing happens when it has ended. */
  sendSignal(signal: NodeJS.Signals | number): void {
    if (this.#returncode === null) this.#signal(signal);
  }

  /** Asks it to end: SIGTERM. */
  terminate(): void {
    this.sendSignal('SIGTERM');
  }

  /** Ends it at once: SIGKILL. */
  kill(): void {
    this.sendSignal('SIGKILL');
  }

  /** Ends it, unless it has ended, and closes its pipes: what was not read of them is lost. */
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
    const chunks: Buffer[] = [];
    let bytes = 0;
    for (;;) {
      const chunk = await reader.read(CHUNK);
      if (chunk.length === 0) return Buffer.concat(chunks, bytes);
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= most) continue;
      this.kill();
      const message = `Cannot communicate: ${this.#title} wrote more than ${most} bytes and was killed`;
      throw new LimitOverrunError(`${message}; allow more with { maxOutput: BYTES }, or read its pipes`, bytes);
    }
  }

  /** Calls `fn`; with killOnCancel, a cancel ends the program before it goes on. */
  async #orKill<T>(fn: () => Promise<T>): Promise<T> {
    try {
      return await fn();
    } catch (error) {
      if (error instanceof CancelledError && this.#options.killOnCancel === true) await this.#endForSure();
      throw error;
    }
  }

  /** #end in a task of its own, waited for however often the caller is cancelled meanwhile: the program ends in bounded time. */
  async #endForSure(): Promise<void> {
    const ending = createTask(() => this.#end(this.#killGrace), { name: `end of ${this.label}` });
    while (!ending.done()) {
      try {
        await ending.outcome();
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
      }
    }
  }

  /** Ends the program and waits for it. SIGTERM now, SIGKILL after `grace` milliseconds. */
  async #end(grace: number): Promise<void> {
    if (this.#returncode !== null) return;
    if (this.#killing === undefined) {
      this.terminate();
      this.#killing = callLater(grace, () => this.kill());
    }
    await this.#exit();
  }

  /** By id: Deno's own `kill` of a child sends one signal and no more. It is the child's until its end is told. */
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

/** Writes all of the input and ends it. A program that reads no more is no error. */
async function feed(stdin: StreamWriter, input: string | Uint8Array | undefined): Promise<void> {
  if (input !== undefined) stdin.write(input);
  stdin.close();
  try {
    await stdin.waitClosed();
  } catch (error) {
    if (!(error instanceof ConnectionLostError)) throw error;
  }
}

/** The error of a group that has only one. */
function onlyErrorOf(error: unknown): unknown {
  const errors: unknown = (error as { readonly errors?: unknown } | null)?.errors;
  return Array.isArray(errors) && errors.length === 1 ? errors[0] : error;
}

function outcomeOf(returncode: number): string {
  if (returncode >= 0) return `exit code ${returncode}`;
  const name = Object.entries(constants.signals).find(([, number]) => number === -returncode)?.[0];
  return `signal ${name ?? -returncode}`;
}
