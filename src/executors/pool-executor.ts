// PoolExecutor: an executor over workers of this machine. It owns the queue, the places,
// cancellation and supervision. A subclass says what a worker is (a leaf).
//
// place.ts has the states of a place. A cancelled BUSY place has cancelGrace to answer; after that
// its worker is terminated. The next job starts a new worker. A job stays in the queue until a
// worker is ready, so a job that is cancelled earlier costs no worker.
//
// - A worker runs one job at a time, so the end of a worker fails exactly its own job. One that it
//   was offered and has not begun goes back to the queue, as does one for which an idle worker is
//   found.
// - Idle workers do not keep the process alive.
// - A worker that ends before it was ready counts as a failed start. The next start is delayed,
//   twice as long each time.
// - Jobs leave the queue in order. A cancelled one leaves at once and never runs.
//
// Example, with size 1: job A runs, B and C are queued. B is cancelled: it leaves the queue, and
// its call rejects at once. A's caller is cancelled: A receives the cancel, and does not answer
// within cancelGrace, so its worker is terminated. When it has exited, A's call rejects, a new
// worker starts, and C runs in it.
import { checkOptions } from '../base/index.ts';
import {
  beginWait,
  CancelledError,
  defaultGrace,
  InvalidStateError,
  Line,
  moveOnAfter,
  outlast,
  QueuedWait,
  QueueFull,
  reportException,
  Resource,
  scopeOf,
  type Task,
  waiting,
  type WaitOptions,
  WorkerLostError,
} from '../core/index.ts';
import { cloneError, isCloneable } from './cloning.ts';
import { unpackError } from './crossed-error.ts';
import type { Executor, ExecutorReport, ExecutorStatistics, JobOptions, JobSpec, Offloaded } from './executor.ts';
import { DEFAULT_CANCEL_GRACE, EXECUTOR, type ExecutorOptions, JOB } from './executor-options.ts';
import { Call } from './call.ts';
import { type CallSite, Job, type JobCall, STREAM } from './job.ts';
import { JobQueue } from './job-queue.ts';
import { callOf, closedFunction, framesOf, offload } from './offload.ts';
import type { Place } from './place.ts';
import { Places } from './places.ts';
import type { FromWorker } from './protocol.ts';
import { checkStream, ignoringCancels, SHUTDOWN, submitted, waitForRoom } from './waiting-call.ts';
import type { LeafEvents, WorkerLeaf } from './worker-leaf.ts';

/** The number of failed starts in a row after which the jobs that wait for a worker fail. */
const TRIES = 5;

/** The base of the executors whose workers are of this machine. */
export abstract class PoolExecutor extends Resource implements Executor {
  /** The options as the user passed them. */
  readonly #options: ExecutorOptions;
  readonly #size: number;
  /** The address of the module of the option `init`. */
  readonly #init: string | undefined;
  readonly #places: Places;
  /** The jobs that wait for a worker, in order. */
  readonly #queue = new JobQueue();
  /** The calls that wait for room in the queue (`overflow: 'wait'`). */
  readonly #room = new Line<unknown>();
  /** The waits of #whenEmpty(), which check again after each change. */
  readonly #empty = new Line<void>();
  #closed = false;
  #finished = 0;
  #failed = 0;
  #cancelled = 0;
  #terminated = 0;
  #lost = 0;

  constructor(options: ExecutorOptions = {}) {
    super({ name: options.name });
    checkOptions('create executor', options, EXECUTOR);
    this.#options = options;
    this.#size = options.size ?? this.defaultSize();
    const { init, context } = options;
    this.#init = init instanceof URL ? init.href : init;
    if (context !== undefined && init === undefined) {
      throw new TypeError(
        'Cannot create executor: context needs init, the module that exports the storages of a worker',
      );
    }
    this.#places = new Places(this.#size, options.maxJobs, this.#queue, {
      start: (events) => this.startLeaf(events, options.maxMemory),
      onMessage: (place, message) => this.#onMessage(place, message),
      onExit: (place, how, cause) => this.#onExit(place, how, cause),
      onUnsent: (job, error) => this.#failToSend(job, error),
      onChange: () => this.#changed(),
    });
    this.markOpened();
  }

  /** Starts a worker, which may use `maxMemory` bytes of heap. @internal */
  protected abstract startLeaf(events: LeafEvents, maxMemory: number | undefined): WorkerLeaf;

  /** True if its workers serve modules by name, with `serveModules`. @internal */
  protected get servesNames(): boolean {
    return false;
  }

  /** Returns the number of workers that suits this machine. @internal */
  protected abstract defaultSize(): number;

  get kind(): 'executor' {
    return 'executor';
  }

  protected override get hasEnd(): true {
    return true;
  }

  override get ending(): boolean {
    return this.#closed;
  }

  override endWithin(grace: number): Promise<unknown> {
    return this.shutdown({ grace });
  }

  override endNow(): void {
    this.#closed = true;
    for (const job of this.#jobs()) job.refuse(new CancelledError('Cancelled: the executor has ended', SHUTDOWN));
    this.#places.terminateAll();
  }

  statistics(): ExecutorStatistics {
    const busy = this.#places.running();
    return {
      size: this.#size,
      workers: this.#places.all.size,
      idle: this.#places.all.size - busy.length,
      queued: this.#jobs().length - busy.length,
      running: busy.length,
      abandoned: this.#options.cancel === 'abandon' ? busy.filter(({ isCancelled }) => isCancelled).length : 0,
      finished: this.#finished,
      failed: this.#failed,
      cancelled: this.#cancelled,
      terminated: this.#terminated,
      lost: this.#lost,
    };
  }

  protected override describeState(): string {
    const { queued, running, workers } = this.statistics();
    return `${this.#closed ? 'closed' : 'open'}, ${workers} workers, ${running} running, ${queued} queued`;
  }

  /**
   * Returns the functions of a module as asynchronous functions. See `Executor.module`.
   * @throws TypeError unless `url` is a URL or the text of one
   */
  module<M>(url: URL | string): Offloaded<M> {
    return offload<M>(url, this.servesNames, (call, options, site) => {
      const job = this.#newJob(call, options, site);
      return new Call(job, waiting(this.#call(job, true)), this.#options.cancelGrace ?? DEFAULT_CANCEL_GRACE);
    });
  }

  /**
   * Starts a call for an executor of which this is a part. Its outcome may be STREAM; then `job`
   * sends the items to what is attached. @internal
   */
  start(call: JobCall, options: JobOptions): { readonly job: Job; readonly outcome: Promise<unknown> } {
    const job = this.#newJob(call, options, undefined);
    return { job, outcome: waiting(this.#call(job, true)) };
  }

  /** Runs a closed function with arguments. See `Executor.run`. */
  run<A extends readonly unknown[], T>(fn: (...args: A) => T, ...args: A): Promise<Awaited<T>> {
    const call = closedFunction(fn, args);
    return waiting(this.#call(this.#newJob(call, {}, undefined), false)) as Promise<Awaited<T>>; // the type of what fn returns
  }

  /**
   * Starts a job as a task of its own. See `Executor.submit`.
   * @throws TypeError for a wrong module, name or arguments
   * @throws InvalidStateError once the executor is closed
   */
  submit<T>(spec: JobSpec, options: JobOptions = {}): Task<T> {
    const job = this.#newJob(callOf(spec, this.servesNames), options, undefined);
    return submitted(job, () => this.#call(job, false));
  }

  /**
   * Stops accepting jobs. Lets those that it has end for `grace` milliseconds (defaults to what is
   * left of the grace of `run()`, or to 10,000), then cancels them, and terminates all workers. A
   * cancel of the caller skips the grace, but not the rest, which takes bounded time.
   */
  async shutdown({
    grace = defaultGrace(10_000),
  }: { readonly grace?: number | undefined } = {}): Promise<ExecutorReport> {
    this.#closed = true;
    const before = {
      finished: this.#finished + this.#failed,
      cancelled: this.#cancelled,
      terminated: this.#terminated,
    };
    try {
      if (this.#jobs().length > 0) await moveOnAfter(grace, (t) => this.#whenEmpty({ signal: t.signal }));
    } finally {
      for (const job of this.#jobs())
        job.refuse(new CancelledError('Cancelled: the executor is shutting down', SHUTDOWN));
      if (this.#options.cancel === 'abandon')
        for (const place of this.#places.all) if (place.job !== undefined) this.#places.terminate(place);
      while (this.#jobs().length > 0) await ignoringCancels(() => this.#whenEmpty());
      this.#places.terminateAll();
      while (this.#places.all.size > 0) await ignoringCancels(() => this.#whenEmpty());
      this.#places.close();
      this.markClosed();
    }
    return {
      finished: this.#finished + this.#failed - before.finished,
      cancelled: this.#cancelled - before.cancelled,
      terminated: this.#terminated - before.terminated,
    };
  }

  /** Calls `shutdown`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  // ---- jobs ----------------------------------------------------------------------------------------------------

  #newJob(call: JobCall, options: JobOptions, site: CallSite | undefined): Job {
    if (this.#closed) throw new InvalidStateError(`Cannot run ${call.label}: the executor is closed`);
    checkOptions('run job', options, JOB);
    const context = this.#options.context?.map((storage) => storage.getStore());
    return new Job(this, call, options, context, site);
  }

  /** Runs a job for its caller. Resolves to the value of the job, or, with `mayStream`, to STREAM. */
  async #call(job: Job, mayStream: boolean): Promise<unknown> {
    const scope = scopeOf(job.waitOptions);
    try {
      const refused = beginWait(job.waitOptions);
      if (refused !== undefined) await refused;
      if (this.#isFull()) await this.#waitForRoom(job);
      this.#queue.add(job);
      const outcome = job.begin();
      // Where others wait already, nothing can be done for it either.
      if (this.#queue.size === 1 || !this.#places.areAll) this.#places.distribute();
      const value = await outcome;
      checkStream(job, value, mayStream, scope);
      return value;
    } catch (error) {
      job.cancel('Cancelled: the caller was cancelled'); // for a job that never entered the queue
      if (this.#options.cancel !== 'abandon') await outlast(job.ended);
      throw error;
    }
  }

  #isFull(): boolean {
    const { maxQueue } = this.#options;
    return maxQueue !== undefined && this.#jobs().length >= this.#size + maxQueue;
  }

  async #waitForRoom(job: Job): Promise<void> {
    if (this.#options.overflow === 'reject') {
      throw new QueueFull(
        `Cannot run ${job.call.label}: ${this.statistics().queued} jobs wait already, maxQueue is ${this.#options.maxQueue}`,
      );
    }
    await waitForRoom(this, job, this.#room, () => this.#isFull());
    if (this.#closed) throw new InvalidStateError(`Cannot run ${job.call.label}: the executor is closed`);
  }

  /** Every job that waits or runs. */
  #jobs(): Job[] {
    return [...this.#queue, ...this.#places.offered(), ...this.#places.running()];
  }

  /** Waits until no job is left and no worker is being terminated. */
  async #whenEmpty(options?: WaitOptions): Promise<void> {
    while (this.#queue.size > 0 || [...this.#places.all].some(({ job, isEnding }) => job !== undefined || isEnding)) {
      await this.#empty.join(new QueuedWait('executor.shutdown', this, options));
    }
  }

  /** @internal */
  cancelJob(job: Job, message: string): void {
    const place = this.#places.of(job);
    if (place === undefined) {
      if (this.#queue.delete(job)) this.#cancelled++; // otherwise it was never accepted
      job.leave();
      this.#changed();
      return;
    }
    this.#cancelled++;
    this.#places.takeBack(place); // this job may be one of them; the others need not wait for its end
    if (this.#queue.delete(job)) {
      job.leave();
    } else {
      place.cancel(job, message);
      if (this.#options.cancel !== 'abandon') {
        place.endAfter(this.#options.cancelGrace ?? DEFAULT_CANCEL_GRACE, job, () => {
          this.#terminated++;
          job.isTerminated = true;
          this.#places.terminate(place);
        });
      }
    }
    this.#places.distribute();
  }

  #failToSend(job: Job, error: unknown): void {
    const { args, label } = job.call;
    const [value, what] = isCloneable(args) ? [job.context, 'context'] : [args, 'args'];
    this.#failed++;
    job.fail(cloneError(value, what, `run ${label}`, error));
    job.leave();
  }

  #onMessage(place: Place, message: FromWorker): void {
    if (message.type === 'ready' && this.#init !== undefined) {
      place.post({ type: 'init', module: this.#init, context: this.#options.context?.length ?? 0 });
      return;
    }
    if (message.type === 'ready' || message.type === 'initialized') {
      this.#places.ready(place);
      return;
    }
    const { job } = place;
    if (message.type === 'fatal' || job === undefined || job.number !== message.id) return; // that job is over
    switch (message.type) {
      case 'progress':
        this.#progress(job, message.value);
        return;
      case 'stream':
        place.isStreaming = true;
        this.#places.takeBack(place);
        job.answer(STREAM);
        return;
      case 'items':
        job.items(message.items);
        return;
      case 'error':
        if (!job.isCancelled) this.#failed++; // it counts as cancelled, however it ends
        if (!message.cancelled || !job.isCancelled) job.fail(unpackError(message.error, framesOf(job.site)));
        break;
      case 'end':
        if (!job.isCancelled) this.#finished++;
        job.finished();
        break;
      default:
        if (!job.isCancelled) this.#finished++;
        job.answer(message.value);
    }
    this.#places.free(place);
  }

  #progress({ options, call }: Job, value: unknown): void {
    try {
      options.onProgress?.(value);
    } catch (error) {
      reportException({ message: `onProgress of ${call.label} failed`, error });
    }
  }

  /** Called when a worker has exited. Fails its job, if it had one. */
  #onExit(place: Place, how: string, cause: unknown): void {
    const { isEnding, isReady } = place;
    if (!isEnding) {
      this.#lost++;
      if (!isReady) this.#startFailed(how, cause);
    }
    // Also an offered one, if the worker had taken it: the answer of the job before it never came.
    for (const job of [place.job, ...place.offered]) {
      if (job === undefined) continue;
      const options = cause === undefined ? undefined : { cause };
      job.fail(new WorkerLostError(`The worker of ${job.call.label} ended while it ran: ${how}`, options));
      if (!job.isCancelled) this.#failed++;
      job.leave();
    }
  }

  /** After TRIES failed starts in a row, fails the jobs that wait. */
  #startFailed(how: string, cause: unknown): void {
    if (this.#places.startFailed() <= TRIES) return;
    for (const job of this.#queue) {
      this.#queue.delete(job);
      this.#failed++;
      job.fail(new WorkerLostError(`Cannot run ${job.call.label}: no worker could be started, ${how}`, { cause }));
      job.leave();
    }
  }

  /** Wakes the waits that depend on the number of jobs and workers. */
  #changed(): void {
    if (this.#room.size > 0 && !this.#isFull()) this.#room.answerAll(undefined);
    if (this.#empty.size > 0) this.#empty.answerAll();
  }
}
