// The worker's side: runs the jobs that come over a port, one at a time, and answers each.
//
// States: IDLE -(job)-> RUNNING -(result, error)-> IDLE, or RUNNING -(stream)-> STREAMING -(end,
// error)-> IDLE.
//
// - A job is a task of this worker: its waits can be cancelled, `currentTask().signal` works for
//   its I/O, and its `finally` blocks run. It starts in the turn of its message. If it does not
//   wait, its answer is sent in that turn too.
// - A job that comes while another runs was offered (see place.ts). It starts when that one has
//   ended, unless the executor has taken it back. It starts in #dispatch and not where the other one
//   ends, so that it inherits nothing from it.
// - A result that cannot be sent becomes an error that names the place inside it.
import { listOf } from '../base/index.ts';
import { CancelledError, currentTask, Future, spawn, type Task, timeout } from '../core/index.ts';
import { cloneError, transfersIn } from './cloning.ts';
import { type CrossedError, packError, withoutFields } from './crossed-error.ts';
import { type ContextStorage, contextStorage } from './executor-options.ts';
import { type RunningJob, setRunning } from './in-job.ts';
import type { FromWorker, JobMessage, JobTarget, ToWorker } from './protocol.ts';
import { isGenerator, sendStream, Stream } from './send-stream.ts';

type JobFunction = (...args: readonly unknown[]) => unknown;

/** The connection of a worker with its executor. */
export interface WorkerPort {
  /** Sends a message. Throws if it cannot be cloned. */
  post(message: FromWorker, transfers: object[]): void;
  /**
   * Returns the number of the job whose caller was cancelled, as synchronous code can see it. 0 for
   * none.
   */
  cancelledJob(): number;
  /** Takes a job that was offered, by the key of the offer. Returns false if the executor has taken it back. */
  take(key: number): boolean;
  /** Imports a module of jobs. */
  load(url: string): Promise<Readonly<Record<string, unknown>>>;
  /** Called when a job has ended. */
  ended?(): void;
  /** Runs `fn` and what it awaits as code of a job. Absent where one job runs in a thread. */
  readonly carry?: <T>(job: RunningJob, fn: () => T) => T;
}

export class JobServer {
  readonly #port: WorkerPort;
  readonly #targets = new Map<number, Target>();
  #storages: readonly ContextStorage[] = [];
  #current: Running | undefined = undefined;
  /** The jobs that came while another one runs. */
  readonly #offered: JobMessage[] = [];
  /** Resolves when the first of these may start. */
  #mayStart = new Future<void>();

  constructor(port: WorkerPort) {
    this.#port = port;
    void this.#dispatch();
  }

  get isBusy(): boolean {
    return this.#current !== undefined || this.#offered.length > 0;
  }

  /** Called with each message of the executor. */
  receive(message: ToWorker): void {
    if (message.type === 'job') {
      const { fn, target } = message;
      if (target !== undefined && fn !== 0) this.#targets.set(fn, new Target(target));
      if (this.isBusy) this.#offered.push(message);
      else this.#start(message);
    } else if (message.type === 'init') {
      this.#initialize(message.module, message.context).catch(endWorker);
    } else {
      if (message.id === this.#current?.id) this.#current.receive(message);
      else this.#refuse(message.id); // or it has ended meanwhile
    }
  }

  /** Answers for a job that was cancelled or left before its turn came. It does not run. */
  #refuse(id: number): void {
    // One that was taken back and came again is there twice.
    const at = this.#offered.findIndex((job) => job.id === id && this.#mayRun(job));
    if (at < 0) return;
    this.#offered.splice(at, 1);
    this.#fail(id, new CancelledError('Cancelled: the caller was cancelled'));
  }

  /** Whether it is this worker that has the job. */
  #mayRun(job: JobMessage): boolean {
    return job.offered === undefined || this.#port.take(job.offered);
  }

  #fail(id: number, error: unknown): void {
    const packed = packError(error);
    const cancelled = error instanceof CancelledError;
    const post = (each: CrossedError): void => this.#port.post({ type: 'error', id, error: each, cancelled }, []);
    try {
      post(packed);
    } catch {
      post(withoutFields(packed)); // not every port takes all that structuredClone() takes
    }
  }

  async #initialize(module: string, count: number): Promise<void> {
    const { context = [] } = await this.#port.load(module);
    if (count > 0) this.#storages = checkContext(module, context, count);
    this.#port.post({ type: 'initialized' }, []);
  }

  async #dispatch(): Promise<void> {
    for (;;) {
      await this.#mayStart;
      this.#mayStart = new Future();
      while (this.#current === undefined) {
        const job = this.#offered.shift();
        if (job === undefined) break;
        this.#start(job);
      }
    }
  }

  #start(job: JobMessage): void {
    if (!this.#mayRun(job)) {
      if (!this.isBusy) this.#port.ended?.();
      return;
    }
    const target = this.#targets.get(job.fn) ?? new Target(job.target as JobTarget); // sent with the first job that calls it
    const label = job.label ?? target.label;
    const begin = (): unknown => spawn((own) => this.#run(own, job, target, label), { name: label, eager: true });
    if (this.#storages.length === 0) begin();
    else inContext(this.#storages, job.context, begin);
  }

  /** Runs a job and sends its answer. Never rejects. */
  async #run(own: Task<unknown>, job: JobMessage, target: Target, label: string): Promise<void> {
    const running = new Running(this.#port, job, own, label);
    const { carry } = this.#port;
    this.#current = running;
    if (carry === undefined) setRunning(running);
    try {
      const fn = target.fn ?? (await target.load(this.#port, label));
      const work = (): Promise<void> | undefined => running.work(fn, job);
      // Awaits only what has to be awaited: a job that does not wait is answered at once.
      const done = carry === undefined ? work() : carry(running, work);
      if (done !== undefined) await done;
    } catch (error) {
      this.#fail(job.id, error);
    }
    if (carry === undefined) setRunning(undefined);
    this.#current = undefined;
    if (this.#offered.length > 0) this.#mayStart.answer();
    else this.#port.ended?.();
  }
}

/** What jobs call, as a worker knows it. */
class Target {
  readonly label: string;
  /** The function, once it was found. */
  fn: JobFunction | undefined = undefined;
  readonly #target: JobTarget;

  constructor(target: JobTarget) {
    this.label = target.label;
    this.#target = target;
  }

  async load(port: WorkerPort, label: string): Promise<JobFunction> {
    const { module, source, name } = this.#target;
    if (source !== undefined) {
      // The caller of run() promised that the function refers to nothing outside of itself.
      // oxlint-disable-next-line typescript/no-implied-eval -- the executor's own program sent it
      return (this.fn = new Function(`return (${source})`)() as JobFunction);
    }
    const exports = await port.load(module as string); // a target without a text has a module
    const found = exports[name];
    if (typeof found === 'function') return (this.fn = found as JobFunction);
    const names = Object.keys(exports).filter((each) => typeof exports[each] === 'function');
    throw new TypeError(
      `Cannot run ${label}: ${module} exports no function ${JSON.stringify(name)}, only ${names.join(', ') || 'none'}`,
    );
  }
}

/** A job that runs. */
class Running implements RunningJob {
  readonly id: number;
  readonly attempt: number;
  readonly task: Task<unknown>;
  readonly #port: WorkerPort;
  readonly #label: string;
  /** Made when it is first needed: for a generator, or by a `stop` that comes earlier. */
  #stream: Stream | undefined = undefined;

  constructor(port: WorkerPort, { id, attempt = 1 }: JobMessage, task: Task<unknown>, label: string) {
    this.#port = port;
    this.id = id;
    this.attempt = attempt;
    this.task = task;
    this.#label = label;
  }

  /** Runs the job and sends what it returns. Returns undefined if that is done already. */
  work(fn: JobFunction, { args, within }: JobMessage): Promise<void> | undefined {
    if (within !== undefined) return timeout(within, () => this.#settle(fn(...args)));
    const given = fn(...args);
    if (isThenable(given) || isGenerator(given)) return this.#settle(given);
    this.send('result', given);
    return undefined;
  }

  async #settle(given: unknown): Promise<void> {
    const value: unknown = isThenable(given) ? await given : given;
    if (isGenerator(value)) await this.sendItems(value);
    else this.send('result', value);
  }

  isCancelled(): boolean {
    return this.#port.cancelledJob() === this.id;
  }

  report(value: unknown): void {
    this.send('progress', value);
  }

  receive(message: Exclude<ToWorker, { readonly type: 'job' | 'init' }>): void {
    if (message.type === 'cancel') this.task.cancel(message.message);
    else if (message.type === 'credit') (this.#stream ??= new Stream()).add(message.items);
    else (this.#stream ??= new Stream()).stop();
  }

  /** Sends what the job returned. Throws a TypeError that names the place of what cannot be cloned. */
  send(type: 'result' | 'progress' | 'items', value: unknown): void {
    const { id } = this;
    const transfers = transfersIn(value);
    try {
      if (type === 'items') this.#port.post({ type, id, items: value as unknown[] }, transfers);
      else this.#port.post({ type, id, value }, transfers);
    } catch (error) {
      throw cloneError(value, type, `return from ${this.#label}`, error);
    }
  }

  sendItems(generator: AsyncIterator<unknown> | Iterator<unknown>): Promise<void> {
    // Where nothing carries the task, its signal makes a wait one of the task.
    const options = currentTask() === undefined ? { signal: this.task.signal } : undefined;
    const port = {
      post: (message: FromWorker) => this.#port.post(message, []),
      items: (items: unknown[]) => this.send('items', items),
    };
    return sendStream(this.id, generator, (this.#stream ??= new Stream()), port, options);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** Checks what the module of `init` exports as `context`. */
function checkContext(module: string, context: unknown, count: number): readonly ContextStorage[] {
  const action = `start worker with ${module}`;
  const expected = `${count} instances of AsyncLocalStorage, as many as the executor has`;
  listOf(expected, contextStorage)(action, 'context', context);
  const storages = context as readonly ContextStorage[]; // just checked
  if (storages.length === count) return storages;
  throw new RangeError(`Cannot ${action}: context must have ${expected}, got ${storages.length}`);
}

/** Calls `fn` where each of the storages has its value. */
function inContext<T>(storages: readonly ContextStorage[], values: readonly unknown[] = [], fn: () => T): T {
  return storages.reduceRight<() => T>((inner, storage, n) => () => storage.run(values[n], inner), fn)();
}

/** Ends the worker, as an error does that nobody catches. */
function endWorker(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
