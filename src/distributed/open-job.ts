// OpenJob: a job in Redis for which a caller of this process waits.
//
// States: NEW -(add)-> SENT -(Redis has answered)-> ADDED -(active)-> RUNNING -> OVER. RUNNING can
// become ADDED again: its worker was lost, was told to stop, or the job failed and is to be retried.
// A cancel can come at any of them. OVER comes once, from whichever is first: the outcome, the
// removal, the end of the patience with Redis or with a cancel.
import { loopTime, type Resource } from '../core/index.ts';
import { type CallSite, Job, type JobCall, type JobOwner, type JobPlace, type ToWorker } from '../executors/index.ts';
import type { DistributedJobOptions } from './distributed-options.ts';
import type { Control } from './remote-protocol.ts';

export class OpenJob implements JobPlace {
  readonly id: string;
  readonly job: Job;
  readonly options: DistributedJobOptions;
  /** The worker that runs it, counting from 0. Redis knows machines and not their places, so all are 0. */
  readonly number: number = 0;
  /** The machine that runs it: `host:pid`. Undefined while nobody has asked Redis, and where it does not say. */
  machine: string | undefined = undefined;
  /** When this attempt began, on the loop's clock. */
  beganAt = 0;
  /** The attempt whose machine was asked for last. */
  placedAttempt = 0;
  /** How often it has begun, as far as is known here: an event does not say it. */
  attempt = 0;
  /** The highest attempt that its workers, or Redis, have named. */
  known = 0;
  isAdded = false;
  #added: Promise<void> | undefined = undefined;
  #resolveAdded: (() => void) | undefined = undefined;
  /** Whether the command that adds it is on its way, or was. */
  isSent = false;
  /** Whether Redis counts this caller among those of a job with a key. */
  isCounted = false;
  /** Whether it waits for a worker, as far as is known here. */
  isQueued = true;
  isOver = false;
  /** Whether it is among the jobs that are waited for: from its call to its end. */
  isListed = false;
  /** Why it is being cancelled; undefined while it is not. */
  cancelMessage: string | undefined = undefined;
  /** When its cancel is given up, on the loop's clock. */
  giveUpAt: number = Infinity;
  /** Whether a removal is on its way. */
  isRemoving = false;
  /** When something was last heard of it, on the loop's clock. */
  heardAt: number = loopTime();
  /** The attempt that streams; 0 for none. */
  streaming = 0;
  /** The number of items that have come. */
  received = 0;
  /** The number of items that the consumer has granted. */
  #granted = 0;
  #isStopped = false;
  readonly #publish: (control: Control) => void;

  constructor(id: string, job: Job, options: DistributedJobOptions, publish: (control: Control) => void) {
    this.id = id;
    this.job = job;
    this.options = options;
    this.#publish = publish;
  }

  /** Resolves when Redis has accepted it, or never will. A plain promise: no cancel reaches who waits for it. */
  get added(): Promise<void> {
    if (this.isAdded) return Promise.resolve();
    this.#added ??= new Promise((resolve) => void (this.#resolveAdded = resolve));
    return this.#added;
  }

  /** Called when Redis has accepted it, and when it is over. */
  acknowledge(): void {
    this.isAdded = true;
    this.#resolveAdded?.();
  }

  get hasKey(): boolean {
    return this.options.key !== undefined;
  }

  /** Sends a message of the stream's consumer. */
  post(message: ToWorker): void {
    if (message.type === 'credit') this.#granted += message.items;
    if (message.type === 'stop') this.#isStopped = true;
    this.repeat();
  }

  /** Sends again what its worker must know. It may have been lost, and a new worker has not heard it. */
  repeat(): void {
    const { id } = this;
    if (this.#isStopped) this.#publish({ id, type: 'stop' });
    else if (this.#granted > 0) this.#publish({ id, type: 'credit', items: this.#granted });
  }

  /** Sends the cancel to the worker that runs it. */
  publishCancel(): void {
    this.#publish({ id: this.id, type: 'cancel', message: this.cancelMessage ?? 'Cancelled' });
  }

  /** Called when an attempt begins: with its number, where that is known. */
  begins(attempt: number): void {
    this.isQueued = false;
    if (attempt <= this.attempt || this.isOver) return;
    this.attempt = attempt;
    this.machine = undefined;
    this.beganAt = loopTime();
    this.job.started(this);
  }

  /** Called when it waits for a worker again. */
  waits(): void {
    this.isQueued = true;
    this.machine = undefined;
    this.job.returned();
  }

  /** Called with what Redis says of the machine that has the attempt. */
  runsOn(attempt: number, machine: string | undefined): void {
    this.placedAttempt = attempt;
    if (attempt === this.attempt && !this.isQueued) this.machine = machine;
  }
}

/** The same, as its caller sees it. */
export class RemoteJob extends Job {
  readonly open: OpenJob;

  /**
   * @param own the options of its waits
   * @param options those of its call
   */
  constructor(
    owner: JobOwner & Resource,
    call: JobCall,
    own: DistributedJobOptions,
    site: CallSite | undefined,
    id: string,
    options: DistributedJobOptions,
    publish: (control: Control) => void,
  ) {
    super(owner, call, own, undefined, site);
    this.open = new OpenJob(id, this, options, publish);
  }
}
