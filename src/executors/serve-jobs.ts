// The worker's side: runs the jobs that come over a port, one at a time, and answers each.
//
// States: IDLE -(job)-> RUNNING -(result, error)-> IDLE, or RUNNING -(stream)-> STREAMING -(end,
// error)-> IDLE.
//
// - A job is a task of this worker: its waits can be cancelled, `currentTask().signal` works for
//   its I/O, and its `finally` blocks run.
// - A stream makes items only while it has credit, and sends them in batches. `stop` ends its
//   generator as `break` would.
// - A result that cannot be sent becomes an error that names the place inside it.
import {
  callSoon,
  cancellable,
  CancelledError,
  createTask,
  currentTask,
  Future,
  type Handle,
  type Task,
  type WaitOptions,
} from '../core/index.ts';
import { listOf } from '../base/index.ts';
import { cloneError, transfersIn } from './cloning.ts';
import { packError } from './crossed-error.ts';
import { type ContextStorage, contextStorage } from './executor-options.ts';
import { setRunning } from './in-job.ts';
import type { FromWorker, JobMessage, ToWorker } from './protocol.ts';

/** The connection of a worker with its executor. */
export interface WorkerPort {
  /** Sends a message. Throws if it cannot be cloned. */
  post(message: FromWorker, transfers: object[]): void;
  /**
   * Returns the number of the job whose caller was cancelled, as synchronous code can see it. 0 for
   * none.
   */
  cancelledJob(): number;
  /** Imports a module of jobs. */
  load(url: string): Promise<Readonly<Record<string, unknown>>>;
}

/** The maximum number of items of a stream that are sent together. */
const BATCH = 32;

/** Returns the function to call with each message of the executor. */
export function serveJobs(port: WorkerPort): (message: ToWorker) => void {
  let storages: readonly ContextStorage[] = [];
  const initialize = async (module: string, count: number): Promise<void> => {
    const { context = [] } = await port.load(module);
    if (count > 0) storages = checkContext(module, context, count);
    port.post({ type: 'initialized' }, []);
  };
  let current: { readonly id: number; readonly task: Task<unknown>; readonly stream: Stream } | undefined;
  const run = (job: JobMessage): void => {
    const stream = new Stream();
    const start = (): Task<unknown> => createTask<unknown>((own) => work(port, job, stream, own), { name: job.label });
    const task = inContext(storages, job.context, start);
    current = { id: job.id, task, stream };
    setRunning({
      id: job.id,
      task,
      isCancelled: () => port.cancelledJob() === job.id,
      report: (value) => send(port, job, 'progress', value),
    });
    const ended = (): void => {
      setRunning(undefined);
      current = undefined;
    };
    task.outcome().then(
      () => ended(),
      (error: unknown) => {
        ended();
        const cancelled = error instanceof CancelledError;
        port.post({ type: 'error', id: job.id, error: packError(error), cancelled }, []);
      },
    );
  };
  return (message) => {
    if (message.type === 'job') run(message);
    else if (message.type === 'init') initialize(message.module, message.context).catch(endWorker);
    else if (message.id !== current?.id) return; // that job has ended meanwhile
    else if (message.type === 'cancel') current.task.cancel(message.message);
    else if (message.type === 'credit') current.stream.add(message.items);
    else current.stream.stop();
  };
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

/** The credit of a stream. */
class Stream {
  #credit = 0;
  #stopped = false;
  #more = new Future<void>();

  get stopped(): boolean {
    return this.#stopped;
  }

  add(items: number): void {
    this.#credit += items;
    this.#more.answer();
  }

  stop(): void {
    this.#stopped = true;
    this.#more.answer();
  }

  /** Waits until an item may be made. Resolves to false if no more are wanted. */
  async take(options: WaitOptions | undefined): Promise<boolean> {
    while (!this.#stopped && this.#credit === 0) {
      this.#more = new Future();
      await cancellable(this.#more, options);
    }
    this.#credit--;
    return !this.#stopped;
  }

  get hasCredit(): boolean {
    return this.#credit > 0;
  }
}

/**
 * The items of a stream that were made and not sent. They are sent when there are BATCH of them,
 * and at the latest a turn after the first: a slow generator does not hold back what it has made.
 */
class Batch {
  #items: unknown[] = [];
  #timer: Handle | undefined = undefined;
  /** Why the items of an earlier turn could not be sent. */
  #failure: { readonly error: unknown } | undefined = undefined;
  readonly #onFull: (items: unknown[]) => void;

  constructor(onFull: (items: unknown[]) => void) {
    this.#onFull = onFull;
  }

  add(item: unknown, isLast: boolean): void {
    this.#items.push(item);
    if (isLast || this.#failure !== undefined || this.#items.length >= BATCH) this.flush();
    else this.#timer ??= callSoon(() => this.#flushLater());
  }

  flush(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    const items = this.#items;
    this.drop();
    if (items.length > 0) this.#onFull(items);
  }

  #flushLater(): void {
    try {
      this.flush();
    } catch (error) {
      this.#failure = { error }; // for the next item, or the end
    }
  }

  drop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#items = [];
  }
}

async function work(port: WorkerPort, job: JobMessage, stream: Stream, own: Task<unknown>): Promise<void> {
  // Where nothing carries the task, its signal makes a wait one of the task.
  const options = currentTask() === undefined ? { signal: own.signal } : undefined;
  const fn = await functionOf(port, job);
  const value: unknown = await fn(...job.args);
  if (isGenerator(value)) await sendAll(port, job, value, stream, options);
  else send(port, job, 'result', value);
}

async function functionOf(port: WorkerPort, job: JobMessage): Promise<(...args: readonly unknown[]) => unknown> {
  if (job.source !== undefined) {
    // The caller of run() promised that the function refers to nothing outside of itself.
    // oxlint-disable-next-line typescript/no-implied-eval -- the executor's own program sent it
    return new Function(`return (${job.source})`)() as () => unknown;
  }
  const exports = await port.load(job.module as string); // a job without a text has a module
  const found = exports[job.name];
  if (typeof found === 'function') return found as () => unknown;
  const names = Object.keys(exports).filter((name) => typeof exports[name] === 'function');
  throw new TypeError(
    `Cannot run ${job.label}: ${job.module} exports no function ${JSON.stringify(job.name)}, only ${names.join(', ') || 'none'}`,
  );
}

async function sendAll(
  port: WorkerPort,
  job: JobMessage,
  generator: AsyncIterator<unknown> | Iterator<unknown>,
  stream: Stream,
  options: WaitOptions | undefined,
): Promise<void> {
  port.post({ type: 'stream', id: job.id }, []);
  const items = new Batch((batch) => send(port, job, 'items', batch));
  try {
    while (await stream.take(options)) {
      const { done, value } = await nextOf(generator, items);
      if (done === true) break;
      items.add(value, !stream.hasCredit);
    }
  } finally {
    if (stream.stopped) items.drop();
    await generator.return?.();
  }
  items.flush();
  port.post({ type: 'end', id: job.id }, []);
}

/** The next item. If there is none because the generator throws, the items before it are sent first. */
async function nextOf(
  generator: AsyncIterator<unknown> | Iterator<unknown>,
  items: Batch,
): Promise<IteratorResult<unknown>> {
  try {
    return await generator.next();
  } catch (error) {
    items.flush();
    throw error;
  }
}

/** Sends what a job returned. Throws a TypeError that names the place of what cannot be cloned. */
function send(
  port: WorkerPort,
  { id, label }: JobMessage,
  type: 'result' | 'progress' | 'items',
  value: unknown,
): void {
  const transfers = transfersIn(value);
  try {
    if (type === 'items') port.post({ type, id, items: value as unknown[] }, transfers);
    else port.post({ type, id, value }, transfers);
  } catch (error) {
    throw cloneError(value, type === 'items' ? 'items' : type, `return from ${label}`, error);
  }
}

function isGenerator(value: unknown): value is AsyncIterator<unknown> | Iterator<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const { next } = value as { readonly next?: unknown };
  return typeof next === 'function' && (Symbol.asyncIterator in value || Symbol.iterator in value);
}
