// ThreadExecutor: jobs in threads of this process, by node:worker_threads.
import { availableParallelism } from 'node:os';
import { type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { callback, type Checks, checkOptions } from '../../base/index.ts';
import {
  EXECUTOR,
  type ExecutorOptions,
  type FromWorker,
  isMessage,
  SharedLeaf,
  type SharedWords,
  type LeafEvents,
  noteSent,
  PoolExecutor,
  type ToWorker,
  type WorkerLeaf,
} from '../index.ts';

/** Options of a ThreadExecutor. */
export interface ThreadExecutorOptions extends ExecutorOptions {
  /**
   * Starts a thread, for programs that a bundler has put into few files. Its file must call
   * `serveModules`: `() => new Worker(new URL('./heavy.worker.js', import.meta.url))`. Not together
   * with `maxMemory`, which is the `resourceLimits` of that Worker. Defaults to a thread that imports
   * modules by their URLs.
   */
  readonly worker?: (() => Worker) | undefined;
}

/** The checks for every option of a ThreadExecutor. */
export const THREAD_EXECUTOR: Checks<ThreadExecutorOptions> = { ...EXECUTOR, worker: callback };

/**
 * Runs functions in threads. Threads share nothing with the program except what is passed to them.
 * They start in some tens of milliseconds and are reused. Idle ones do not keep the process alive.
 * Python: `concurrent.futures.ThreadPoolExecutor`, without shared objects.
 *
 * @example
 * ```ts
 * import { ThreadExecutor } from 'maitre/executors';
 * await using threads = new ThreadExecutor({ size: 2 });
 * console.log(await threads.run((n: number) => n ** 2, 12)); // 144
 * ```
 */
export class ThreadExecutor extends PoolExecutor {
  readonly #start: (() => Worker) | undefined;

  constructor(options: ThreadExecutorOptions = {}) {
    checkOptions('create executor', options, THREAD_EXECUTOR);
    const { worker, ...rest } = options;
    if (worker !== undefined && rest.maxMemory !== undefined)
      throw new TypeError(
        'Cannot create executor: with worker, set resourceLimits of that Worker in place of maxMemory',
      );
    super(rest);
    this.#start = worker;
  }

  /** @internal */
  protected override get servesNames(): boolean {
    return this.#start !== undefined;
  }

  /** @internal */
  protected override defaultSize(): number {
    return availableParallelism();
  }

  /** @internal */
  protected override startLeaf(events: LeafEvents, maxMemory: number | undefined): WorkerLeaf {
    return new Thread(this.#start ?? (() => startOwn(maxMemory)), events);
  }
}

/** The first message of a thread. */
type Ready = { readonly type: 'ready'; readonly shared: SharedWords; readonly port?: MessagePort };

class Thread extends SharedLeaf implements WorkerLeaf {
  readonly #worker: Worker | undefined;
  readonly #events: LeafEvents;
  /** The port for all messages but the first; undefined where the thread has only its own. */
  #port: MessagePort | undefined = undefined;

  constructor(start: () => Worker, events: LeafEvents) {
    super();
    this.#events = events;
    try {
      this.#worker = start();
    } catch (error) {
      // Later, as events are: the pool does not know the thread before its constructor has returned.
      queueMicrotask(() => events.exited(error instanceof Error ? error.message : String(error), error));
      return;
    }
    let cause: unknown;
    this.#worker.on('message', (data: unknown) => {
      if (!isMessage(data)) return;
      const message = data as FromWorker; // the worker follows the protocol
      if (message.type === 'ready') this.#ready(message as Ready);
      else events.messages([message]);
    });
    this.#worker.on('error', (error: unknown) => (cause = error));
    this.#worker.on('messageerror', (error) => (cause ??= error));
    this.#worker.on('exit', (code) => {
      this.#receive([]); // what it has sent before
      events.exited(cause instanceof Error ? cause.message : `exit code ${code}`, cause);
    });
    this.#worker.unref();
  }

  #ready({ shared, port, ...message }: Ready): void {
    this.shared = shared;
    this.#port = port;
    port?.on('message', (first: FromWorker) => this.#receive([first]));
    port?.unref(); // the worker is held, or is not
    this.#events.messages([message]);
  }

  /** Takes all messages that are there: to be called once for each costs more. */
  #receive(batch: FromWorker[]): void {
    if (this.#port === undefined) return;
    for (let more = receiveMessageOnPort(this.#port); more !== undefined; more = receiveMessageOnPort(this.#port))
      batch.push(more.message as FromWorker); // the worker follows the protocol
    if (batch.length > 0) this.#events.messages(batch);
  }

  post(message: ToWorker, transfers: object[]): void {
    (this.#port ?? this.#worker)?.postMessage(message, transfers as never[]); // whatever can be moved; the host rejects the rest
  }

  wake(): void {
    if (this.shared !== undefined) noteSent(this.shared);
  }

  hold(on: boolean): void {
    if (on) this.#worker?.ref();
    else this.#worker?.unref();
  }

  terminate(): void {
    void this.#worker?.terminate();
  }
}

function startOwn(maxMemory: number | undefined): Worker {
  const limits = maxMemory === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: maxMemory / 2 ** 20 } };
  return new Worker(new URL('./thread-worker.js', import.meta.url), limits);
}
