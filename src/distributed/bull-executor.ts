// BullExecutor: the Executor whose workers are on other machines, behind a queue of BullMQ on Redis.
//
// It keeps the calls and their waits, as every executor does; open-jobs.ts has what Redis says of
// them, queue-link.ts the connections. Nothing is connected before the first call.
//
// Work is done at least once. A job is accepted once Redis has it: it then runs, whatever becomes of
// this process. A worker that is lost, or that is stopped for longer than its lock, makes a job run
// again, with a higher attempt. The call rejects only for what the caller can do something about: the
// function failed, the call was cancelled, too many workers were lost, Redis is away for too long.
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { checkOptions, integer } from '../base/index.ts';
import {
  beginWait,
  CancelledError,
  defaultGrace,
  InvalidStateError,
  Line,
  loopTime,
  moveOnAfter,
  outlast,
  QueuedWait,
  QueueFull,
  Resource,
  scopeOf,
  type Task,
  waiting,
  type WaitOptions,
} from '../core/index.ts';
import {
  Call,
  type CallSite,
  callOf,
  checkStream,
  closedFunction,
  DEFAULT_CANCEL_GRACE,
  type Executor,
  type ExecutorReport,
  type ExecutorStatistics,
  type Job,
  type JobCall,
  type JobSpec,
  ignoringCancels,
  offload,
  type Offloaded,
  SHUTDOWN,
  submitted,
  waitForRoom,
} from '../executors/index.ts';
import {
  BULL_EXECUTOR,
  type BullExecutorOptions,
  DISTRIBUTED_JOB,
  type DistributedJobOptions,
  REPEAT,
} from './distributed-options.ts';
import { ExecutorLink } from './executor-link.ts';
import { dataOf, deadlineOf, optionsOf } from './job-data.ts';
import type { QueueLink } from './queue-link.ts';
import { type MachinePlace, placesOf } from './machine-places.ts';
import { listMachines, RecentMachines } from './machines.ts';
import { type OpenJob, RemoteJob } from './open-job.ts';
import { OpenJobs } from './open-jobs.ts';
import { type Control, idOfKey, type JobData, type Machine, RedisNames } from './remote-protocol.ts';
import {
  type DeadJob,
  listDead,
  listRepeated,
  type RepeatedJob,
  type RepeatOptions,
  retryDead,
  upsertRepeated,
} from './remote-queue.ts';

/** Milliseconds after which the list of machines is asked for while jobs wait, also if nobody looks. */
const STALE = 10_000;
/** Milliseconds that a key's number of callers is kept: for those that were killed. */
const WAITERS_TTL = 24 * 3_600_000;

/** The figures of a BullExecutor: those of its own jobs, and the machines. */
export interface BullExecutorStatistics extends ExecutorStatistics {
  /** Whether Redis can be reached. False before the first call, too. */
  readonly connected: boolean;
  /** The machines of the queue, as they were a moment ago. */
  readonly machines: readonly Machine[];
}

/**
 * Runs functions on other machines, over BullMQ and Redis. It needs the packages bullmq and ioredis,
 * and workers: `maitre worker FILE --redis URL`, or `worker()`. A cancel of the task that awaits a
 * call stops its job, on whichever machine it runs. Work is done at least once: a job whose worker
 * was lost runs again, and `jobAttempt()` says so. Connects with the first call.
 *
 * @example
 * ```ts no-run
 * import { BullExecutor } from 'maitre/distributed';
 * await using executor = new BullExecutor({ redis: 'redis://localhost:6379' });
 * const url = new URL('./heavy.js', import.meta.url);
 * const heavy = executor.module<{ thumbnail(path: string): Promise<string> }>(url);
 * console.log(await heavy.thumbnail.with({ key: 'photo-17', attempts: 3 })('photo-17.jpg'));
 * ```
 */
export class BullExecutor extends Resource implements Executor {
  readonly #options: BullExecutorOptions;
  readonly #names: RedisNames;
  readonly #jobs: OpenJobs;
  readonly #machines = new RecentMachines(async () => {
    const link = this.#link.opened;
    return link === undefined ? [] : listMachines(link.client, this.#names, link.now());
  });
  /** The first part of the ids of its jobs. */
  readonly #ownId = randomUUID().slice(0, 18).replaceAll('-', '');
  /** The calls that wait for room in the queue. */
  readonly #room = new Line<unknown>();
  /** The waits of #whenEmpty(). */
  readonly #empty = new Line<void>();
  readonly #link: ExecutorLink;
  #lastId = 0;
  readonly #publish = (control: Control): void => this.#link.publish(control);
  #closed = false;

  /** @throws TypeError or RangeError for wrong options */
  constructor(options: BullExecutorOptions = {}) {
    super({ name: options.name });
    checkOptions('create executor', options, BULL_EXECUTOR);
    this.#options = options;
    this.#names = new RedisNames(options.prefix ?? 'maitre', options.queue ?? 'jobs');
    this.#jobs = new OpenJobs(
      this.#names,
      () => this.#changed(),
      () => void this.#machines.get(STALE),
    );
    this.#link = new ExecutorLink(this.#names, this.#jobs, options, () => void this.#machines.get()); // the first look knows them
    this.markOpened();
  }

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
    for (const { job } of this.#jobs) job.refuse(new CancelledError('Cancelled: the executor has ended', SHUTDOWN));
    void this.#close();
  }

  /** The figures of the calls of this process; `machines` and `size` are those of the queue. */
  statistics(): BullExecutorStatistics {
    const link = this.#link.opened;
    const machines = link === undefined || this.#closed ? [] : this.#machines.get();
    const all = [...this.#jobs];
    const running = all.filter(({ job }) => job.state === 'running');
    const size = machines.reduce((sum, { concurrency }) => sum + concurrency, 0);
    const busy = machines.reduce((sum, { jobs }) => sum + jobs.length, 0);
    return {
      size,
      workers: size,
      idle: Math.max(0, size - busy),
      queued: all.length - running.length,
      running: running.length,
      abandoned: this.#options.cancel === 'abandon' ? running.filter(({ job }) => job.isCancelled).length : 0,
      ...this.#jobs.ended,
      connected: link?.isOnline ?? false,
      machines,
    };
  }

  /** What each place of the machines does, for pictures. @internal */
  places(): readonly MachinePlace[] {
    const link = this.#link.opened;
    if (link === undefined || this.#closed) return [];
    return placesOf(this.#machines.get(), this.#jobs, link.now() - loopTime());
  }

  protected override describeState(): string {
    const { queued, running, connected } = this.statistics();
    return `${this.#closed ? 'closed' : connected ? 'open' : 'not connected'}, ${running} running, ${queued} queued`;
  }

  /**
   * Returns the functions of a module as asynchronous functions. See `Executor.module`. The workers
   * find the module by its name: `heavy` for `new URL('./heavy.js', import.meta.url)` and for 'heavy'.
   * @throws TypeError unless `url` is a URL, the text of one, or a name
   */
  module<M>(url: URL | string): Offloaded<M, DistributedJobOptions> {
    return offload<M>(url, true, (call, options, site) => {
      const job = this.#newJob(call, options, site);
      return new Call(job, waiting(this.#call(job, true)), DEFAULT_CANCEL_GRACE);
    });
  }

  /** Runs a closed function. See `Executor.run`. Only workers with `closedFunctions` do. */
  run<A extends readonly unknown[], T>(fn: (...args: A) => T, ...args: A): Promise<Awaited<T>> {
    const call = closedFunction(fn, args);
    return waiting(this.#call(this.#newJob(call, {}, undefined), false)) as Promise<Awaited<T>>; // the type of what fn returns
  }

  /**
   * Starts a job as a task of its own. See `Executor.submit`.
   * @throws TypeError for a wrong module, name or arguments
   * @throws InvalidStateError once the executor is closed
   */
  submit<T>(spec: JobSpec, options: DistributedJobOptions = {}): Task<T> {
    const job = this.#newJob(callOf(spec, true), options, undefined);
    return submitted(job, () => this.#call(job, false));
  }

  /**
   * Adds a job for which nobody waits. Resolves to its id once Redis has accepted it: from then on it
   * runs at least once, whatever becomes of this process. Cancellable; a cancel then leaves open
   * whether it was accepted, unless it has a `key`.
   * @throws TypeError or RangeError for wrong arguments
   * @throws ConnectionLostError if no Redis answers
   */
  async enqueue(spec: JobSpec, options: DistributedJobOptions = {}): Promise<string> {
    this.#check('enqueue', options);
    const call = callOf(spec, true);
    const data = dataOf(call, options.timeout, this.#options.maxPayload);
    const jobId = this.#idOf(options);
    await this.#ask('enqueue', options, (link) => link.add(data, { ...optionsOf(options, this.#options), jobId }));
    return jobId;
  }

  /**
   * Lets a job run again and again. The same key replaces what was there.
   * @param key names it, for `unschedule`
   */
  async schedule(key: string, spec: JobSpec, options: DistributedJobOptions & RepeatOptions): Promise<void> {
    const { every, cron, timeZone, ...rest } = options;
    this.#check('schedule job', rest);
    checkOptions('schedule job', { key, every, cron, timeZone }, REPEAT);
    if ((every === undefined) === (cron === undefined))
      throw new TypeError('Cannot schedule job: expected every, in milliseconds, or cron, and not both');
    const data = dataOf(callOf(spec, true), rest.timeout, this.#options.maxPayload);
    const repeat =
      cron === undefined
        ? { every: every as number }
        : { pattern: cron, ...(timeZone !== undefined && { tz: timeZone }) }; // one of them is there
    const template = { name: data.label, data, opts: optionsOf(rest, this.#options) };
    await this.#ask('schedule job', rest, ({ queue }) => upsertRepeated(queue, key, repeat, template));
  }

  /** Ends what `schedule` began. Resolves to false if there is nothing with this key. */
  async unschedule(key: string, options?: WaitOptions): Promise<boolean> {
    return this.#ask('unschedule', options, ({ queue }) => queue.removeJobScheduler(key));
  }

  /** Resolves to what `schedule` began. */
  async schedules(options?: WaitOptions): Promise<readonly RepeatedJob[]> {
    return this.#ask('list schedules', options, ({ queue }) => listRepeated(queue));
  }

  /** Resolves to the jobs that have failed for good, the latest first, at most `limit` (100). */
  async deadJobs({ limit = 100, ...wait }: WaitOptions & { readonly limit?: number | undefined } = {}): Promise<
    readonly DeadJob[]
  > {
    integer(1)('list dead jobs', 'limit', limit);
    return this.#ask('list dead jobs', wait, ({ queue, client }) => listDead(queue, client, this.#names, limit));
  }

  /** Lets a dead job run again, with all of its attempts. Resolves to false if there is none with this id. */
  async retryDead(id: string, options?: WaitOptions): Promise<boolean> {
    return this.#ask('retry dead job', options, ({ queue, client }) => retryDead(queue, client, this.#names, id));
  }

  /** Resolves to the machines that serve the queue now, the oldest first. */
  async machines(options?: WaitOptions): Promise<readonly Machine[]> {
    return this.#ask('list machines', options, (link) => listMachines(link.client, this.#names, link.now()));
  }

  /**
   * Stops accepting jobs. Lets those that it has end for `grace` milliseconds (defaults to what is
   * left of the grace of `run()`, or to 10,000), then cancels them, and closes its connections. The
   * workers go on, and so does what was enqueued.
   */
  async shutdown({
    grace = defaultGrace(10_000),
  }: { readonly grace?: number | undefined } = {}): Promise<ExecutorReport> {
    this.#closed = true;
    const { ended } = this.#jobs;
    const before = { ...ended };
    try {
      if (this.#jobs.size > 0) await moveOnAfter(grace, (t) => this.#whenEmpty({ signal: t.signal }));
    } finally {
      for (const { job } of this.#jobs)
        job.refuse(new CancelledError('Cancelled: the executor is shutting down', SHUTDOWN));
      while (this.#jobs.size > 0) await ignoringCancels(() => this.#whenEmpty());
      await this.#close();
    }
    return {
      finished: ended.finished + ended.failed - before.finished - before.failed,
      cancelled: ended.cancelled - before.cancelled,
      terminated: ended.terminated - before.terminated,
    };
  }

  /** Calls `shutdown`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  // ---- connections ---------------------------------------------------------------------------------------------

  async #ask<T>(action: string, options: WaitOptions | undefined, ask: (link: QueueLink) => Promise<T>): Promise<T> {
    this.#checkOpen(action);
    return this.#link.ask(action, options, ask);
  }

  async #close(): Promise<void> {
    this.#jobs.close();
    await this.#link.close();
    this.markClosed();
  }

  // ---- jobs ----------------------------------------------------------------------------------------------------

  #checkOpen(action: string): void {
    if (this.#closed) throw new InvalidStateError(`Cannot ${action}: the executor is closed`);
  }

  #check(action: string, options: DistributedJobOptions): void {
    this.#checkOpen(action);
    checkOptions(action, options, DISTRIBUTED_JOB);
  }

  #newJob(call: JobCall, options: DistributedJobOptions, site: CallSite | undefined): RemoteJob {
    this.#checkOpen(`run ${call.label}`);
    checkOptions('run job', options, DISTRIBUTED_JOB);
    // The worker keeps the time that it runs: it is there also when this process is not.
    const own = options.timeout === undefined ? options : { ...options, timeout: undefined };
    return new RemoteJob(this, call, own, site, this.#idOf(options), options, this.#publish);
  }

  #idOf({ key }: DistributedJobOptions): string {
    return key === undefined ? `${this.#ownId}-${++this.#lastId}` : idOfKey(key);
  }

  /** Runs a job for its caller. Resolves to the value of the job, or, with `mayStream`, to STREAM. */
  async #call(job: RemoteJob, mayStream: boolean): Promise<unknown> {
    const scope = scopeOf(job.waitOptions);
    const { open } = job;
    try {
      const refused = beginWait(job.waitOptions);
      if (refused !== undefined) await refused;
      const data = dataOf(job.call, open.options.timeout, this.#options.maxPayload);
      const deadline = deadlineOf(Date.now);
      if (this.#isFull()) await this.#waitForRoom(job);
      this.#jobs.add(open);
      const outcome = job.begin();
      void this.#send(open, data, deadline);
      const value = await outcome;
      checkStream(job, value, mayStream, scope);
      return value;
    } catch (error) {
      job.cancel('Cancelled: the caller was cancelled');
      if (this.#options.cancel !== 'abandon') await outlast(job.ended);
      throw error;
    }
  }

  /** Adds a job to the queue. Never rejects. */
  async #send(open: OpenJob, data: JobData, deadline: number | undefined): Promise<void> {
    const { options, id } = open;
    try {
      const link = this.#link.opened ?? (await this.#link.connect());
      if (open.isOver) return;
      open.isSent = true;
      open.isCounted = open.hasKey;
      // One connection keeps the order: it is counted before it is there.
      const counted = open.hasKey ? countWaiter(link.client, this.#names.waiters(id)) : undefined;
      // What was said by our clock is said by that of Redis.
      const sent =
        deadline === undefined ? data : { ...data, deadline: Math.round(deadline - Date.now() + link.now()) };
      await Promise.all([counted, link.add(sent, { ...optionsOf(options, this.#options), jobId: id })]);
      open.acknowledge();
      if (open.hasKey) await this.#jobs.look([open]); // it may have been there
    } catch (error) {
      this.#jobs.notAdded(open, error);
    }
  }

  #isFull(): boolean {
    const { maxQueue } = this.#options;
    if (maxQueue === undefined) return false;
    let queued = 0;
    for (const { job } of this.#jobs) if (job.state === 'queued') queued++;
    return queued >= maxQueue;
  }

  async #waitForRoom(job: Job): Promise<void> {
    const { maxQueue, overflow } = this.#options;
    if (overflow === 'reject')
      throw new QueueFull(`Cannot run ${job.call.label}: ${maxQueue} jobs wait already, and maxQueue is ${maxQueue}`);
    await waitForRoom(this, job, this.#room, () => this.#isFull());
    this.#checkOpen(`run ${job.call.label}`);
  }

  /** @internal */
  cancelJob(job: Job, message: string): void {
    const { open } = job as RemoteJob; // #newJob makes all of them
    if (!open.isListed) job.leave(); // it was never accepted
    else this.#jobs.cancel(open, message, this.#options.cancel === 'abandon');
  }

  /** Called when a job has ended, or has begun to run. */
  #changed(): void {
    if (this.#room.size > 0 && !this.#isFull()) this.#room.answerAll(undefined);
    if (this.#jobs.size === 0) this.#empty.answerAll();
  }

  async #whenEmpty(options?: WaitOptions): Promise<void> {
    while (this.#jobs.size > 0) await this.#empty.join(new QueuedWait('executor.shutdown', this, options));
  }
}

/** Adds a caller to the number of those that wait for a job with a key. */
function countWaiter(client: Redis, name: string): Promise<unknown> {
  return client.multi().incr(name).pexpire(name, WAITERS_TTL).exec();
}
