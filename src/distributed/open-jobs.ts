// OpenJobs: the jobs of one executor that have not ended: what Redis says of them, their cancels, and
// what is asked again when something may have been missed.
//
// - The future of a job is here before the job is added, so no event comes too early.
// - BullMQ announces no removed job, so a removal settles the job here.
// - A cancel of a queued job removes it. A running one is told by a control message, which is
//   repeated until the end of the job is seen, for at most GIVE_UP milliseconds: a worker that was
//   killed confirms nothing.
// - A connection that comes back, and every LONG_AGO milliseconds of silence, make us look at the job
//   itself: the stream of events is trimmed, and an executor can be away for longer.
// - A job that another one of this process has too (by its key) is settled for both.
import {
  callLater,
  CancelledError,
  ConnectionLostError,
  type Handle,
  loopTime,
  reportException,
  WorkerLostError,
} from '../core/index.ts';
import { type CrossedError, framesOf, STREAM, unpackError } from '../executors/index.ts';
import { refusedError } from './connect.ts';
import { fieldOf, type QueueEvent } from './event-reader.ts';
import { Script } from './link.ts';
import { type QueueLink, offlineError } from './queue-link.ts';
import type { OpenJob } from './open-job.ts';
import { readEntries, readOutcome } from './read-remote.ts';
import { OUTCOME, type Outcome, type RedisNames } from './remote-protocol.ts';
import { decode } from './wire-value.ts';

/** Milliseconds between two looks at what may have to be repeated. */
const TICK = 1000;
/** Milliseconds for which a cancel is repeated that nobody confirms. */
const GIVE_UP = 10_000;
/** Milliseconds of silence after which we look at a job itself. */
const LONG_AGO = 10_000;
/** The maximum number of jobs that are looked at together. */
const BATCH = 500;

/** The number of characters of something unreadable that an error shows. */
const MOST_SHOWN = 100;

/** Counts one caller less, and keeps nothing where none is left. */
const UNCOUNT = new Script(
  'count callers',
  `
  local left = redis.call('DECR', KEYS[1])
  if left <= 0 then redis.call('DEL', KEYS[1]) end
  return left`,
);

/** The figures of jobs that have ended. */
export interface Ended {
  finished: number;
  failed: number;
  cancelled: number;
  terminated: number;
  lost: number;
}

export class OpenJobs {
  readonly ended: Ended = { finished: 0, failed: 0, cancelled: 0, terminated: 0, lost: 0 };
  readonly #names: RedisNames;
  readonly #onChange: () => void;
  readonly #onWaiting: () => void;
  readonly #jobs = new Map<string, readonly OpenJob[]>();
  #size = 0;
  #link: QueueLink | undefined = undefined;
  #timer: Handle | undefined = undefined;
  #isClosed = false;

  /**
   * @param onChange called when a job has ended, or a worker has taken it
   * @param onWaiting called every second while a job waits for a worker
   */
  constructor(names: RedisNames, onChange: () => void, onWaiting: () => void) {
    this.#names = names;
    this.#onChange = onChange;
    this.#onWaiting = onWaiting;
  }

  get size(): number {
    return this.#size;
  }

  *[Symbol.iterator](): Iterator<OpenJob> {
    for (const same of this.#jobs.values()) yield* same;
  }

  /** Ends the ticks with the last job. */
  close(): void {
    this.#isClosed = true;
    if (this.#size === 0) this.#timer?.cancel();
  }

  /** Sets the link, once it is open. */
  use(link: QueueLink): void {
    this.#link = link;
  }

  add(open: OpenJob): void {
    const same = this.#jobs.get(open.id);
    this.#jobs.set(open.id, same === undefined ? [open] : [...same, open]);
    this.#size++;
    open.isListed = true;
    this.#timer ??= callLater(TICK, () => this.#tick());
  }

  /** Called with each event of the queue. */
  onEvent(event: QueueEvent): void {
    const same = this.#jobs.get(fieldOf(event, 'jobId'));
    if (same === undefined) return;
    for (const open of same) {
      open.heardAt = loopTime();
      this.#handle(open, event);
    }
  }

  #handle(open: OpenJob, event: QueueEvent): void {
    switch (fieldOf(event, 'event')) {
      case 'active':
        if (open.isQueued) this.#begins(open, open.attempt + 1);
        break;
      case 'progress':
        this.#receive(open, fieldOf(event, 'data'));
        break;
      case 'completed':
        this.#completed(open, fieldOf(event, 'returnvalue'));
        break;
      case 'failed':
        void this.look([open]);
        break;
      case 'waiting':
        if (fieldOf(event, 'prev') === 'active') this.ended.lost++;
        if (!open.isQueued) open.waits();
        break;
      case 'delayed':
        open.waits();
        break;
      case 'removed':
        this.#removed(open);
        break;
      default:
    }
  }

  #begins(open: OpenJob, attempt: number): void {
    open.begins(attempt);
    this.#onChange();
    call(open, 'onAttempt', open.options.onAttempt, attempt);
    if (open.cancelMessage !== undefined) open.publishCancel();
  }

  /** Called with an attempt that its worker, or Redis, has named. */
  #heardAttempt(open: OpenJob, attempt: number): void {
    open.known = Math.max(open.known, attempt);
    if (attempt > open.attempt) this.#begins(open, attempt);
  }

  // ---- what a running job sends --------------------------------------------------------------------------------

  #receive(open: OpenJob, text: string): void {
    const sent = readEntries(text);
    if (open.isOver || sent === undefined) return; // a job can also report to others
    const { attempt, entries } = sent;
    this.#heardAttempt(open, attempt);
    if (attempt < open.known) return; // from a worker that was thought dead, and is not
    for (const [type, a, b] of entries) {
      if (type === 'report') call(open, 'onProgress', (value) => open.options.onProgress?.(decode(value)), a);
      else if (type === 'stream') this.#streams(open, attempt);
      else this.#items(open, a, b);
    }
  }

  #streams(open: OpenJob, attempt: number): void {
    if (open.received > 0) {
      this.#fail(
        open,
        new WorkerLostError(`The worker of ${open.job.call.label} was lost after ${open.received} items of its stream`),
      );
      return;
    }
    open.streaming = attempt;
    open.job.answer(STREAM);
    open.repeat();
  }

  #items(open: OpenJob, before: number, items: readonly unknown[]): void {
    if (before !== open.received) {
      this.#fail(open, gap(open));
      return;
    }
    open.received += items.length;
    try {
      open.job.items(items.map(decode));
    } catch (error) {
      this.#fail(open, error); // of a newer version
    }
  }

  // ---- how it ends ---------------------------------------------------------------------------------------------

  #completed(open: OpenJob, text: string): void {
    const outcome = readOutcome(text);
    if (outcome !== undefined) this.#settle(open, outcome);
    else if (!open.isOver) this.#fail(open, this.#unreadable(open, text));
  }

  /** Settles it as its worker said. What a newer version has sent, and this one cannot read, is its failure. */
  #settle(open: OpenJob, outcome: Outcome): void {
    try {
      this.#decide(open, outcome);
    } catch (error) {
      this.#fail(open, error);
    }
  }

  #unreadable({ job }: OpenJob, text: string): TypeError {
    const shown = text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}...` : text;
    return new TypeError(
      `Cannot read the outcome of ${job.call.label}: expected that of a worker of maitre, got ${shown}; let no other program serve the queue ${JSON.stringify(this.#names.queue)}`,
    );
  }

  #decide(open: OpenJob, outcome: Outcome): void {
    const { job } = open;
    if (open.isOver) return;
    this.#heardAttempt(open, outcome.attempt);
    if (outcome.terminated === true) this.ended.terminated++;
    if (outcome.cancelled !== undefined) {
      this.#refuse(open, outcome.cancelled);
      return;
    }
    if (outcome.error !== undefined) {
      const error = unpackError(decode(outcome.error) as CrossedError, framesOf(job.site)); // a worker of ours has packed it
      if (error instanceof Error)
        Object.defineProperty(error, 'attempt', { value: outcome.attempt, configurable: true, writable: true });
      this.#fail(open, error);
      return;
    }
    if (outcome.items !== undefined && outcome.items !== open.received) {
      this.#fail(open, gap(open));
      return;
    }
    const value = outcome.items === undefined ? decode(outcome.value) : undefined;
    if (!job.isCancelled) this.ended.finished++;
    if (outcome.items === undefined) job.answer(value);
    else job.finished();
    this.#leave(open);
  }

  /** Fails a job that has ended. One that runs is cancelled first. */
  #fail(open: OpenJob, error: unknown): void {
    if (!open.job.isCancelled) this.ended.failed++;
    if (open.streaming > 0) open.publishCancel();
    open.job.fail(error);
    this.#leave(open);
  }

  /** For a job that was cancelled: by us, or by somebody else. */
  #refuse(open: OpenJob, message: string): void {
    open.isOver = true;
    // One that we have cancelled knows why: a timeout, for example.
    if (!open.job.isCancelled) open.job.refuse(new CancelledError(message)); // calls cancel()
    this.#leave(open);
  }

  #removed(open: OpenJob): void {
    if (!open.isOver) this.#refuse(open, `Cancelled: ${open.job.call.label} was removed from the queue`);
  }

  #leave(open: OpenJob): void {
    open.isOver = true;
    if (!open.isListed) return;
    open.isListed = false;
    const same = this.#jobs.get(open.id);
    if (same === undefined || same.length === 1) this.#jobs.delete(open.id);
    else
      this.#jobs.set(
        open.id,
        same.filter((each) => each !== open),
      );
    this.#size--;
    if (open.isCounted) void this.#uncount(open);
    open.acknowledge();
    open.job.leave();
    // Otherwise the timer stays: the next job would need another.
    if (this.#size === 0 && this.#isClosed) this.#timer?.cancel();
    this.#onChange();
  }

  /** Fails a job that was not added. */
  notAdded(open: OpenJob, error: unknown): void {
    if (!open.isOver) this.#fail(open, refusedError(`run ${open.job.call.label}`, error));
  }

  /** Fails all: Redis has been away for too long. */
  failAll(ms: number): void {
    for (const open of this) this.#fail(open, offlineError(open.job.call.label, ms));
  }

  // ---- cancels -------------------------------------------------------------------------------------------------

  /**
   * Cancels a job whose caller does not wait any more.
   * @param abandon whether one that runs goes on
   */
  cancel(open: OpenJob, message: string, abandon: boolean): void {
    this.ended.cancelled++;
    if (open.isOver) return;
    if (!open.isSent) {
      this.#leave(open);
      return;
    }
    if (abandon && !open.isQueued) return;
    open.cancelMessage = message;
    open.giveUpAt = loopTime() + GIVE_UP;
    void this.#cancel(open);
  }

  async #cancel(open: OpenJob): Promise<void> {
    await open.added;
    if (open.isOver || this.#link === undefined) return;
    if (open.hasKey && (await this.#uncount(open)) > 0) {
      this.#leave(open);
      return;
    }
    if (open.isQueued) await this.#remove(open);
    else open.publishCancel();
  }

  /**
   * Takes a caller of a job with a key out of the count. Resolves to the number of those that still wait
   * for it, in any process.
   */
  async #uncount(open: OpenJob): Promise<number> {
    const link = this.#link;
    if (!open.isCounted || link === undefined) return 0;
    open.isCounted = false;
    try {
      return Number(await UNCOUNT.run(link.client, [this.#names.waiters(open.id)], []));
    } catch {
      return 0;
    }
  }

  /** Removes a job from the queue. If it runs, its worker is told instead. */
  async #remove(open: OpenJob): Promise<void> {
    if (open.isRemoving) return; // and Redis does not answer
    open.isRemoving = true;
    try {
      if ((await this.#link?.queue.remove(open.id)) === 1) this.#leave(open);
      else open.publishCancel();
    } catch {
      // It is cut off, or locked by its worker. The next tick tries again.
    } finally {
      open.isRemoving = false;
    }
  }

  // ---- what may have been missed -------------------------------------------------------------------------------

  #tick(): void {
    const now = loopTime();
    const silent: OpenJob[] = [];
    let isWaiting = false;
    for (const open of this) {
      isWaiting ||= open.isQueued;
      if (now >= open.giveUpAt) {
        this.#giveUp(open);
      } else {
        if (open.cancelMessage !== undefined && now > open.giveUpAt - GIVE_UP + TICK / 2) this.#repeatCancel(open);
        if (open.streaming > 0 && now - open.heardAt > TICK) open.repeat();
        // Short jobs end before anybody could read where they run.
        const isUnplaced = !open.isQueued && open.placedAttempt < open.attempt && now - open.beganAt > TICK;
        if (isUnplaced || now - open.heardAt > LONG_AGO) silent.push(open);
      }
    }
    if (silent.length > 0) void this.look(silent);
    if (isWaiting) this.#onWaiting();
    this.#timer = this.#size > 0 ? callLater(TICK, () => this.#tick()) : undefined;
  }

  #repeatCancel(open: OpenJob): void {
    open.publishCancel();
    void this.#remove(open);
  }

  #giveUp(open: OpenJob): void {
    const message = `Nobody has confirmed within ${GIVE_UP} ms that ${open.job.call.label} (${open.id}) was cancelled: it may still run`;
    reportException({ message: 'A cancelled job may still run', error: new Error(message) });
    this.#leave(open);
  }

  /** Looks at all jobs that are not known to have ended. */
  async lookAll(): Promise<void> {
    await this.look([...this]);
  }

  /** Looks at jobs themselves: whether they run, have ended, or are gone. */
  async look(jobs: readonly OpenJob[]): Promise<void> {
    const link = this.#link;
    if (link === undefined) return;
    const added = jobs.filter((open) => open.isAdded && !open.isOver);
    for (let i = 0; i < added.length; i += BATCH) {
      const part = added.slice(i, i + BATCH);
      const pipeline = link.client.pipeline();
      for (const { id } of part)
        pipeline.hmget(
          this.#names.job(id),
          'timestamp',
          'finishedOn',
          'returnvalue',
          'failedReason',
          OUTCOME,
          'ats',
          'pb',
        );
      const answers = await pipeline.exec().catch(() => undefined); // lost: the next look asks again
      for (const [n, open] of part.entries()) {
        const [error, fields] = answers?.[n] ?? [];
        if (error === null) this.#looked(open, fields as readonly (string | null)[]); // what HMGET answers
      }
    }
  }

  #looked(
    open: OpenJob,
    [timestamp, finishedOn, returned, reason, outcome, started, machine]: readonly (string | null)[],
  ): void {
    if (open.isOver) return;
    open.heardAt = loopTime();
    if (timestamp === null) {
      this.#fail(
        open,
        new ConnectionLostError(
          `The outcome of ${open.job.call.label} is not known: Redis has not kept it. The job may have run`,
        ),
      );
      return;
    }
    const attempt = Number(started ?? 0);
    if (finishedOn === null || finishedOn === undefined) {
      this.#heardAttempt(open, attempt);
      open.runsOn(attempt, machine ?? undefined);
      return;
    }
    if (reason === null || reason === undefined) this.#completed(open, returned ?? '');
    else this.#failed(open, attempt, reason, outcome);
  }

  #failed(open: OpenJob, attempt: number, reason: string, text: string | null | undefined): void {
    const outcome = readOutcome(text ?? '');
    // Without one of the last attempt, it is BullMQ that has given the job up.
    if (outcome?.attempt === attempt) this.#settle(open, outcome);
    else this.#fail(open, lostTooOften(open, attempt, reason));
  }
}

function call<T>(open: OpenJob, name: string, fn: ((value: T) => void) | undefined, value: T): void {
  try {
    fn?.(value);
  } catch (error) {
    reportException({ message: `${name} of ${open.job.call.label} failed`, error });
  }
}

function gap(open: OpenJob): ConnectionLostError {
  return new ConnectionLostError(
    `Items of the stream ${open.job.call.label} are lost: this program was cut off from Redis`,
  );
}

/** The error of a job that BullMQ has given up: it says why in words. */
function lostTooOften(open: OpenJob, attempt: number, reason: string): WorkerLostError {
  const error = new WorkerLostError(
    `The worker of ${open.job.call.label} was lost, ${attempt} times in all: ${reason}`,
  );
  Object.defineProperty(error, 'attempt', { value: attempt, configurable: true, writable: true });
  return error;
}
