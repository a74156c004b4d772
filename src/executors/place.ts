// Place: one worker of a pool, with the job that it has and those that it is offered.
//
// States: STARTING -(ready)-> IDLE -(give)-> BUSY -(free)-> IDLE. From any of them, -(terminate)->
// ENDING, and -(exit)-> gone.
//
// - A BUSY place can be offered the next jobs, so that its worker need not wait for this thread
//   between two jobs. They still count as queued. When the job before it has ended, the first of
//   them is the job of the place.
// - An offered job can be taken back until its worker has taken it. That is decided in shared
//   memory, so a job that was taken back never runs, and one that was not taken back is running, or
//   about to.
// - Nothing is offered behind a job that is cancelled, is a stream, or has run for a while: it may
//   take its time, and a cancelled one may take its worker with it.
//
// Example: two workers, and five jobs. Jobs 1 and 2 run, 3 and 5 are offered behind 1, and 4 behind
// 2. Job 1 takes a minute. When the second worker has done 2 and 4, and the queue is empty, it gets
// 3, which is taken back from the first.
import { loopTime } from '../core/index.ts';
import { callAfterAnswers } from './call-after-answers.ts';
import { hasTransfers, transfersIn } from './cloning.ts';
import type { Job } from './job.ts';
import type { JobMessage, ToWorker } from './protocol.ts';
import type { WorkerLeaf } from './worker-leaf.ts';

/** Milliseconds after which a job counts as one that takes its time. */
const PATIENCE = 10;

export class Place {
  readonly leaf: WorkerLeaf;
  /** Its number among the places of its pool, counting from 0. The place after its end has it again. */
  readonly number: number;
  job: Job | undefined = undefined;
  isReady = false;
  /** True if the pool has terminated it. */
  isEnding = false;
  /** The number of jobs that it has done. */
  done = 0;
  isStreaming = false;
  /** The jobs that it is offered, in order. */
  readonly #offers: Offer[] = [];
  #offersMade = 0;
  /** When its job has started, on the loop's clock. */
  #since = 0;
  /** Whether it keeps the process alive. */
  #isHeld = false;
  /** The functions that its worker knows by number. */
  readonly #known = new Set<number>();
  /** The job that its worker sees as cancelled. */
  #cancelled: Job | undefined = undefined;

  constructor(leaf: WorkerLeaf, number: number) {
    this.leaf = leaf;
    this.number = number;
  }

  get isIdle(): boolean {
    return this.isReady && this.job === undefined && !this.isEnding;
  }

  /** The jobs that it is offered, in order. */
  get offered(): readonly Job[] {
    return this.#offers.map(({ job }) => job);
  }

  /** Whether it may be offered `count` jobs together. */
  takesOffers(count: number): boolean {
    const { job } = this;
    return (
      this.#offers.length < count &&
      job !== undefined &&
      !this.isStreaming &&
      !job.isCancelled &&
      !this.isEnding &&
      !this.isSlow
    );
  }

  /** Whether its job takes its time. */
  get isSlow(): boolean {
    return loopTime() - this.#since > PATIENCE;
  }

  /**
   * Makes it run a job. The place must be idle.
   * @throws if the arguments cannot be cloned
   */
  give(job: Job): void {
    this.#begin(job);
    this.#send(messageOf(job, this.#known), transfersIn(job.call.args));
  }

  /**
   * Offers it a job. Returns false if that cannot be: where no memory is shared, where no room is left,
   * and if the job is to move something, which could not be taken back.
   * @throws if the arguments cannot be cloned
   */
  offer(job: Job): boolean {
    const key = hasTransfers(job.call.args) ? undefined : this.leaf.offer(++this.#offersMade);
    if (key === undefined) return false;
    try {
      this.#send(messageOf(job, this.#known, key), []);
    } catch (error) {
      this.leaf.takeBack(key);
      throw error;
    }
    this.#offers.push({ job, key });
    return true;
  }

  /** Takes the first job back that its worker has not taken. Returns undefined if there is none. */
  takeBack(): Job | undefined {
    const at = this.#offers.findIndex(({ key }) => this.leaf.takeBack(key));
    return at < 0 ? undefined : this.#offers.splice(at, 1)[0]?.job;
  }

  /** Called when its job has ended. The first of the offered ones follows it. */
  free(): void {
    const { job } = this;
    if (job !== undefined && job === this.#cancelled) this.#showCancelled(undefined);
    this.isStreaming = false;
    this.done++;
    this.#begin(this.#offers.shift()?.job);
    job?.leave();
  }

  #begin(job: Job | undefined): void {
    this.job = job;
    this.#since = loopTime();
    job?.started(this);
  }

  /** Tells its job, or the offered one that its worker has taken, that it is cancelled. */
  cancel(job: Job, message: string): void {
    this.#showCancelled(job);
    this.post({ type: 'cancel', id: job.number, message });
  }

  /** Sets whether it keeps the process alive. Returns false if nothing had to change. */
  hold(on: boolean): boolean {
    if (on === this.#isHeld) return false;
    this.#isHeld = on;
    this.leaf.hold(on);
    return true;
  }

  /** Calls `end` after a time, unless the job has ended by then. */
  endAfter(ms: number, job: Job, end: () => void): void {
    const timer = callAfterAnswers(ms, () => {
      if (job === this.job) end();
      else if (this.offered.includes(job)) this.endAfter(1, job, end); // the answer of the one before it is on its way
    });
    job.whenEnded(() => timer.cancel());
  }

  post(message: ToWorker): void {
    this.leaf.post(message, []);
    this.leaf.wake();
  }

  #send(message: JobMessage, transfers: object[]): void {
    this.leaf.post(message, transfers);
    if (message.target !== undefined) this.#known.add(message.fn);
  }

  #showCancelled(job: Job | undefined): void {
    this.#cancelled = job;
    this.leaf.setCancelled(job?.number ?? 0);
  }
}

/** A job that a worker is sent before its turn. */
interface Offer {
  readonly job: Job;
  readonly key: number;
}

/** The message for a job. What is absent costs nothing to send. */
function messageOf({ number: id, call, context }: Job, known: ReadonlySet<number>, offered?: number): JobMessage {
  const { target, args, label, attempt, within } = call;
  const message: Writable<JobMessage> = { type: 'job', id, fn: target.fn, args };
  if (target.fn === 0 || !known.has(target.fn)) message.target = target;
  if (label !== target.label) message.label = label;
  if (context !== undefined) message.context = context;
  if (attempt !== undefined) message.attempt = attempt;
  if (within !== undefined) message.within = within;
  if (offered !== undefined) message.offered = offered;
  return message;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
