// BullWorker: serves a queue: takes jobs from BullMQ, runs them in a local executor, and tells the
// others what it does.
//
// States: RUNNING -(shutdown)-> STOPPING -(all jobs have ended or were given back)-> ENDED.
//
// Three connections: one for commands, one that BullMQ blocks while it waits for a job, one that is
// subscribed to the control messages.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Job as BullJob, Worker as BullmqWorker } from 'bullmq';
import type { Redis } from 'ioredis';
import { checkOptions } from '../base/index.ts';
import {
  callLater,
  defaultGrace,
  type Handle,
  Line,
  loopTime,
  moveOnAfter,
  QueuedWait,
  reportException,
  Resource,
  spawn,
  type WaitOptions,
} from '../core/index.ts';
import { closeRedis, loadPackage, LOCAL_REDIS, openRedis, refusedError } from './connect.ts';
import { clockAhead, probe } from './queue-link.ts';
import { LocalPlaces } from './local-places.ts';
import { announce, BEAT, machineName, withdraw } from './machines.ts';
import { readControl } from './read-remote.ts';
import { type JobData, type Machine, OUTCOME, type Outcome, RedisNames } from './remote-protocol.ts';
import { type Ending, type JobHost, RunningJob } from './running-job.ts';
import { WORKER, type WorkerOptions } from './worker-options.ts';

const [LOCK, STALLED_INTERVAL, MAX_LOSSES, MAX_PAYLOAD] = [30_000, 5000, 3, 2 ** 20];
/** Milliseconds for which the settings of a queue outlive its workers. */
const SETTINGS_TTL = 10 * BEAT;
/** Milliseconds that BullMQ has to end, when Redis is away. */
const CLOSE_TIMEOUT = 5000;
/** Milliseconds between two reports of what BullMQ cannot do. */
const REPORT_PAUSE = 10_000;
/** The number of cancels that are kept for jobs that have not begun here, and for how many milliseconds. */
const [EARLY, EARLY_TTL] = [1000, 5000];

/** The figures of a worker. */
export interface WorkerStatistics {
  /** The number of jobs that run at once. */
  readonly concurrency: number;
  readonly running: number;
  /** Attempts that have ended, by outcome. */
  readonly finished: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Attempts that lost their thread or process. */
  readonly lost: number;
  /** Attempts that were given back to the queue, because this worker was told to stop. */
  readonly returned: number;
  /** Jobs that did not end in time when they were cancelled. With `isolation: 'tasks'` they may still run. */
  readonly terminated: number;
  /** Attempts whose outcome was refused, because another worker has the job. */
  readonly refused: number;
  readonly connected: boolean;
}

/** What became of the jobs of a worker that was shut down. */
export interface WorkerReport {
  readonly finished: number;
  readonly returned: number;
  readonly terminated: number;
}

/** A worker that serves a queue. `worker()` makes it. Disposing it shuts it down. */
export class BullWorker extends Resource implements AsyncDisposable {
  readonly #options: WorkerOptions;
  readonly #names: RedisNames;
  readonly #id = randomUUID();
  readonly #local: LocalPlaces;
  readonly #running = new Map<string, RunningJob>();
  /** Cancels that came before their job, by id, with the time at which they are forgotten. */
  readonly #early = new Map<string, { readonly message: string; readonly until: number }>();
  readonly #counts: Record<Ending | 'refused' | 'terminated', number> = {
    finished: 0,
    failed: 0,
    cancelled: 0,
    lost: 0,
    returned: 0,
    terminated: 0,
    refused: 0,
  };
  readonly #empty = new Line<void>();
  #client: Redis | undefined = undefined;
  #subscriber: Redis | undefined = undefined;
  #bull: BullmqWorker<JobData, Outcome> | undefined = undefined;
  #host: JobHost | undefined = undefined;
  #ahead = 0;
  #since = 0;
  #beat: Handle | undefined = undefined;
  /** When the next error of BullMQ is reported at the earliest, on the loop's clock. */
  #silentUntil = -Infinity;
  #ended: Promise<WorkerReport> | undefined = undefined;

  /** @internal */
  constructor(options: WorkerOptions) {
    super({ name: options.name });
    this.#options = options;
    this.#names = new RedisNames(options.prefix ?? 'maitre', options.queue ?? 'jobs');
    this.#local = new LocalPlaces(options);
  }

  get kind(): 'worker' {
    return 'worker';
  }

  protected override get hasEnd(): true {
    return true;
  }

  override get ending(): boolean {
    return this.#ended !== undefined;
  }

  override endWithin(grace: number): Promise<unknown> {
    return this.shutdown({ grace });
  }

  override endNow(): void {
    void this.shutdown({ grace: 0 });
  }

  statistics(): WorkerStatistics {
    const { concurrency = 1 } = this.#options;
    return { concurrency, running: this.#running.size, ...this.#counts, connected: this.#client?.status === 'ready' };
  }

  protected override describeState(): string {
    return `${this.ending ? 'stopping' : 'serving'} ${this.#names.queue}, ${this.#running.size} running`;
  }

  /** Connects, and begins to take jobs. @internal */
  async start(wait: WaitOptions | undefined): Promise<void> {
    const { redis = LOCAL_REDIS, concurrency = 1, lock = LOCK, stalledInterval = STALLED_INTERVAL } = this.#options;
    const { maxLosses = MAX_LOSSES, maxPayload = MAX_PAYLOAD } = this.#options;
    const action = 'start worker';
    const bull = await loadPackage(action, 'bullmq', () => import('bullmq'));
    try {
      this.#client = await openRedis(action, redis, {}, wait);
      this.#subscriber = await openRedis(action, redis, {}, wait);
      await this.#agree(this.#client, { lock, stalledInterval, maxLosses });
      this.#ahead = await clockAhead(this.#client);
      this.#since = Math.round(this.#now());
      this.#subscriber.on('message', (_channel, text) => this.#onControl(text));
      await this.#subscriber.subscribe(this.#names.control);
      await this.#local.start();
    } catch (error) {
      await this.#local.shutdown();
      await this.#disconnect();
      throw refusedError(action, error);
    }
    this.#host = {
      now: () => this.#now(),
      start: (data, more, onProgress) => this.#local.run(data, more, onProgress),
      keep: async (id, outcome) =>
        void (await this.#client?.hset(this.#names.job(id), OUTCOME, JSON.stringify(outcome))),
      final: (message) => new bull.UnrecoverableError(message),
      waiting: () => new bull.WaitingError(),
      maxPayload,
      maxLosses,
    };
    this.#bull = new bull.Worker<JobData, Outcome>(this.#names.queue, (job, token) => this.#process(job, token), {
      connection: this.#client,
      prefix: this.#names.prefix,
      name: machineName({ host: hostname(), pid: process.pid }),
      concurrency,
      lockDuration: lock,
      stalledInterval,
      maxStalledCount: maxLosses,
      autorun: false,
    });
    this.#bull.on('error', (error) => this.#onError(error));
    this.#bull.on('lockRenewalFailed', (ids) => {
      for (const id of ids) this.#running.get(id)?.lose();
    });
    await this.#bull.waitUntilReady();
    this.markOpened();
    const bullmq = this.#bull;
    // Apart from the task that called worker(): its cancels are not for the jobs.
    await spawn(() => void bullmq.run().catch((error: unknown) => this.#onError(error)), { name: 'serve queue' });
    this.#announce();
  }

  /**
   * Stops: takes no more jobs, lets those that run end for `grace` milliseconds (defaults to what is
   * left of the grace of `run()`, or to 10,000), then cancels them and gives them back to the queue.
   * Resolves to what became of them. A second call gets the same.
   */
  shutdown({ grace = defaultGrace(10_000) }: { readonly grace?: number | undefined } = {}): Promise<WorkerReport> {
    return (this.#ended ??= this.#shutdown(grace));
  }

  /** Calls `shutdown`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  async #shutdown(grace: number): Promise<WorkerReport> {
    const before = { ...this.#counts };
    this.#announce();
    await this.#bull?.pause(true);
    try {
      await moveOnAfter(grace, (t) => this.#whenEmpty({ signal: t.signal }));
    } finally {
      for (const job of this.#running.values()) job.giveBack();
      await this.#closeBull();
      this.#beat?.cancel();
      await this.#local.shutdown();
      if (this.#client?.status === 'ready') await withdraw(this.#client, this.#names, this.#id).catch(() => undefined);
      await this.#disconnect();
      this.markClosed();
    }
    const { finished, returned, terminated } = this.#counts;
    return {
      finished: finished - before.finished,
      returned: returned - before.returned,
      terminated: terminated - before.terminated,
    };
  }

  /** Waits until BullMQ has told Redis how the jobs ended. When Redis is away, not for long. */
  async #closeBull(): Promise<void> {
    const bull = this.#bull;
    if (bull === undefined) return;
    let late: Handle | undefined;
    const timedOut = new Promise<void>((resolve) => {
      late = callLater(CLOSE_TIMEOUT + (this.#options.cancelGrace ?? 0), resolve);
    });
    await Promise.race([bull.close(), timedOut]);
    late?.cancel();
  }

  async #disconnect(): Promise<void> {
    const opened = [this.#client, this.#subscriber].filter((each) => each !== undefined);
    await Promise.all(opened.map((each) => closeRedis(each)));
  }

  async #whenEmpty(options: WaitOptions): Promise<void> {
    while (this.#running.size > 0) await this.#empty.join(new QueuedWait('worker.shutdown', this, options));
  }

  // ---- jobs ----------------------------------------------------------------------------------------------------

  async #process(bull: BullJob<JobData>, token: string | undefined): Promise<Outcome> {
    const job = new RunningJob(bull, token, this.#host as JobHost); // set before BullMQ runs
    this.#running.get(job.id)?.lose();
    this.#running.set(job.id, job);
    const early = this.#early.get(job.id);
    if (early !== undefined && early.until > Date.now()) job.cancel(early.message);
    this.#early.delete(job.id);
    try {
      return await spawn(() => job.run(), { name: job.label, eager: true });
    } finally {
      // One that has lost its lock may be here a second time.
      if (this.#running.get(job.id) === job) this.#running.delete(job.id);
      this.#counts[job.ending]++;
      if (job.isTerminated) this.#terminated(job);
      if (this.#running.size === 0) this.#empty.answerAll();
    }
  }

  #terminated(job: RunningJob): void {
    this.#counts.terminated++;
    if (this.#options.isolation !== undefined && this.#options.isolation !== 'tasks') return;
    const error = new Error(
      `${job.label} (${job.id}) did not end when it was cancelled. Its place is free, but it still runs`,
    );
    reportException({ message: 'A job was left behind', error });
  }

  #onControl(text: string): void {
    const message = readControl(text);
    if (message === undefined) return;
    const job = this.#running.get(message.id);
    if (job !== undefined) job.control(message);
    else if (message.type === 'cancel') this.#keepEarly(message.id, message.message);
  }

  /** It may be on its way from Redis to here. */
  #keepEarly(id: string, message: string): void {
    this.#early.delete(id);
    this.#early.set(id, { message, until: Date.now() + EARLY_TTL });
    for (const [oldest] of this.#early) {
      if (this.#early.size <= EARLY) return;
      this.#early.delete(oldest);
    }
  }

  /**
   * What BullMQ cannot do. A lost connection comes back, and another worker's job is not ours. It asks
   * again at once, so an error that stays comes hundreds of times a second: it is reported now and then.
   */
  #onError(error: unknown): void {
    if (!(error instanceof Error) || this.#client?.status !== 'ready') return;
    if (/lock/i.test(error.message)) this.#counts.refused++;
    else if (!/ECONN|Connection is closed|Socket timeout|EPIPE|LOADING/.test(error.message)) {
      if (loopTime() < this.#silentUntil) return;
      this.#silentUntil = loopTime() + REPORT_PAUSE;
      reportException({
        message: `The worker of the queue ${JSON.stringify(this.#names.queue)} has met an error`,
        error: refusedError('take or end a job', error),
      });
    }
  }

  // ---- what the others know ------------------------------------------------------------------------------------

  #now(): number {
    return Date.now() + this.#ahead;
  }

  /** Tells the others, now and then every BEAT milliseconds. */
  #announce(): void {
    this.#beat?.cancel();
    this.#beat = callLater(BEAT, () => this.#announce());
    const client = this.#client;
    if (client?.status !== 'ready') return;
    probe(client); // a partition shows itself in no other way
    const { concurrency = 1, modules } = this.#options;
    const machine: Machine = {
      id: this.#id,
      host: hostname(),
      pid: process.pid,
      concurrency,
      modules: Object.keys(modules),
      since: this.#since,
      stopping: this.ending,
      jobs: [...this.#running.values()].map(({ machineJob }) => machineJob),
    };
    announce(client, this.#names, machine, this.#now()).catch(() => undefined); // the next one tells it
    client.pexpire(this.#names.settings, SETTINGS_TTL).catch(() => undefined);
  }

  /** Makes sure that all workers of the queue look for lost jobs in the same way: one key of BullMQ paces all of them. */
  async #agree(client: Redis, settings: object): Promise<void> {
    const own = JSON.stringify(settings);
    await client.set(this.#names.settings, own, 'PX', SETTINGS_TTL, 'NX');
    const theirs = await client.get(this.#names.settings);
    if (theirs === null || theirs === own) return;
    throw new TypeError(
      `Cannot start worker: the workers of the queue ${JSON.stringify(this.#names.queue)} have ${theirs}, this one has ${own}; all must have the same`,
    );
  }
}

/**
 * Serves a queue of jobs: runs what BullExecutors on any machine call. It needs the packages bullmq
 * and ioredis. Resolves when it is connected and takes jobs. Jobs can call the exported functions of
 * `modules`, and nothing else. The command `maitre worker` does the same. Cancellable.
 * @throws TypeError or RangeError for wrong options, and if other workers of the queue have another
 *   `lock`, `stalledInterval` or `maxLosses`
 * @throws ConnectionLostError if no Redis answers
 *
 * @example
 * ```ts no-run
 * import { run, sleep } from 'maitre';
 * import { worker } from 'maitre/distributed';
 * await run(async () => {
 *   await using _ = await worker({
 *     redis: 'redis://localhost:6379',
 *     modules: { heavy: new URL('./heavy.js', import.meta.url) },
 *     concurrency: 20,
 *   });
 *   await sleep(Infinity);
 * });
 * ```
 */
export async function worker(options: WorkerOptions & WaitOptions): Promise<BullWorker> {
  const { signal, ...rest } = options;
  checkOptions('start worker', rest, WORKER);
  WORKER.modules('start worker', 'modules', rest.modules);
  const made = new BullWorker(rest);
  await made.start(signal === undefined ? undefined : { signal });
  return made;
}
