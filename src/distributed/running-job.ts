// RunningJob: one attempt of a job, on the machine that runs it: from the queue to a place of the
// local executor, and back.
//
// - It ends with an Outcome, or throws what makes BullMQ do the next thing: an error makes the job
//   fail or run again, a WaitingError means that it was given back to the queue.
// - It is given back when this worker is told to stop, and when its thread or process was lost.
// - An outcome of a worker that has lost its lock is refused by BullMQ: the job belongs to another
//   one. So what runs is cancelled then.
import type { Job as BullJob } from 'bullmq';
import { CancelledError, Future, TimeoutError, WorkerLostError } from '../core/index.ts';
import {
  cloneError,
  type Job,
  type JobCall,
  packError,
  STREAM,
  type StreamSink,
  withoutFields,
} from '../executors/index.ts';
import { checkSize } from './job-data.ts';
import { readJobData } from './read-remote.ts';
import type { Control, Entry, JobData, MachineJob, Outcome } from './remote-protocol.ts';
import { Encoded } from './task-executor.ts';
import { encode } from './wire-value.ts';

/** What a running job needs of its worker. */
export interface JobHost {
  /** The time by the clock of Redis. */
  now(): number;
  /** Starts the job in a place. Throws if this worker does not serve what it calls. */
  start(
    data: JobData,
    more: Pick<JobCall, 'attempt' | 'within'>,
    onProgress: (value: unknown) => void,
  ): { readonly job: Job; readonly outcome: Promise<unknown> };
  /** Keeps the outcome of a failed attempt with its job. */
  keep(id: string, outcome: Outcome): Promise<void>;
  /** Makes the error that fails a job for good. */
  final(message: string): Error;
  /** Makes the error of a job that was given back. */
  waiting(): Error;
  readonly maxPayload: number;
  readonly maxLosses: number;
}

/** How an attempt has ended, for the figures of its worker. */
export type Ending = 'cancelled' | 'failed' | 'finished' | 'lost' | 'returned';

export class RunningJob {
  readonly id: string;
  ending: Ending = 'finished';
  readonly #bull: BullJob<JobData>;
  /** Undefined if another program has added it. */
  readonly #data: JobData | undefined;
  readonly #token: string | undefined;
  readonly #host: JobHost;
  readonly #since: number;
  readonly #reports: Reports;
  #job: Job | undefined = undefined;
  /** Why its caller has cancelled it. */
  #cancelled: string | undefined = undefined;
  #isReturning = false;
  /** The number of items that the consumer has granted. */
  #granted = 0;
  #streams = false;

  constructor(bull: BullJob<JobData>, token: string | undefined, host: JobHost) {
    this.id = bull.id ?? '';
    this.#bull = bull;
    this.#data = readJobData(bull.data);
    this.#token = token;
    this.#host = host;
    this.#since = host.now();
    this.#reports = new Reports(bull);
  }

  get isTerminated(): boolean {
    return this.#job?.isTerminated === true;
  }

  get label(): string {
    return this.#data?.label ?? this.#bull.name;
  }

  get machineJob(): MachineJob {
    return { id: this.id, name: this.label, attempt: this.#bull.attemptsStarted, since: Math.round(this.#since) };
  }

  /** Called with each message of its caller. It may be a repetition. */
  control(message: Control): void {
    if (message.type === 'cancel') this.cancel(message.message);
    else if (message.type === 'stop') this.#post({ type: 'stop' });
    else if (message.items > this.#granted) {
      const items = message.items - this.#granted;
      this.#granted = message.items;
      if (this.#streams) this.#post({ type: 'credit', items });
    }
  }

  #post(message: { readonly type: 'stop' } | { readonly type: 'credit'; readonly items: number }): void {
    if (this.#job !== undefined) this.#job.post({ ...message, id: this.#job.number });
  }

  cancel(message: string): void {
    this.#cancelled ??= message;
    this.#job?.cancel(message);
  }

  /** Gives it back to the queue, when it has cleaned up. */
  giveBack(): void {
    this.#isReturning = true;
    this.#job?.cancel('Cancelled: the worker is shutting down');
  }

  /**
   * Cancels it: another worker has it now, or this one has it a second time. If that is wrong, because
   * Redis was away when its lock was looked at, it goes back to the queue: it must never count as failed.
   */
  lose(): void {
    this.#isReturning = true;
    this.#job?.cancel('Cancelled: its lock was lost, another worker runs it');
  }

  /** Runs it. What it throws is for BullMQ. */
  async run(): Promise<Outcome> {
    const attempt = this.#bull.attemptsStarted;
    try {
      const outcome = await this.#work(attempt);
      if (this.#reports.sending !== undefined) await this.#reports.sending;
      return outcome;
    } catch (error) {
      await this.#reports.sending;
      return await this.#failed(attempt, error);
    }
  }

  async #work(attempt: number): Promise<Outcome> {
    const data = this.#data;
    if (data === undefined) throw noData(this.label);
    if (this.#cancelled !== undefined || this.#isReturning) throw new CancelledError(this.#cancelled);
    const within = data.deadline === undefined ? undefined : data.deadline - this.#host.now();
    if (within !== undefined && within <= 0)
      throw new TimeoutError(`Timed out: ${data.label}, its caller's deadline passed before it began`);
    const onProgress = (value: unknown): void => {
      const tree = encoded(value, 'progress', data.label);
      checkSize(tree, this.#host.maxPayload, `report from ${data.label}`, 'its progress takes');
      this.#reports.add(['report', tree]);
    };
    const { job, outcome } = this.#host.start(data, { attempt, ...(within !== undefined && { within }) }, onProgress);
    this.#job = job;
    const value = await outcome;
    if (value === STREAM) return { attempt, items: await this.#stream(job) };
    const tree = encoded(value, 'result', data.label, 'return from');
    checkSize(tree, this.#host.maxPayload, `return from ${data.label}`, 'its result takes');
    return { attempt, value: tree };
  }

  /** Passes the items of a generator on. Resolves to their number. */
  async #stream(job: Job): Promise<number> {
    const end = new Future<void>();
    let sent = 0;
    const sink: StreamSink = {
      items: (items) => {
        try {
          const trees = items.map((each, n) => encoded(each, `items[${n}]`, this.label, 'return from'));
          for (const tree of trees)
            checkSize(tree, this.#host.maxPayload, `return from ${this.label}`, 'an item takes');
          this.#reports.add(['items', sent, trees]);
          sent += items.length;
        } catch (error) {
          end.fail(error);
          job.cancel('Cancelled: an item cannot be sent');
        }
      },
      finished: () => void end.answer(),
      failed: (error) => void end.fail(error),
    };
    this.#reports.add(['stream']);
    this.#streams = true;
    job.attach(sink);
    if (this.#granted > 0) this.#post({ type: 'credit', items: this.#granted });
    try {
      await end;
    } finally {
      await job.ended;
    }
    return sent;
  }

  async #failed(attempt: number, error: unknown): Promise<Outcome> {
    const isTerminated = this.isTerminated;
    const terminated = isTerminated ? ({ terminated: true } as const) : {};
    // A thread that was terminated because of the cancel counts as lost for its executor.
    const isEnded = error instanceof CancelledError || error instanceof WorkerLostError;
    if (isEnded && this.#cancelled !== undefined) {
      this.ending = 'cancelled';
      return { attempt, cancelled: this.#cancelled, ...terminated };
    }
    const isCut = isEnded && this.#isReturning;
    const isLost = error instanceof WorkerLostError && attempt - this.#bull.attemptsMade <= this.#host.maxLosses;
    if (isCut || isLost) {
      this.ending = isCut ? 'returned' : 'lost';
      await this.#bull.moveToWait(this.#token);
      throw this.#host.waiting();
    }
    this.ending = 'failed';
    await this.#host.keep(this.id, { attempt, error: packed(error), ...terminated });
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    if (error instanceof WorkerLostError || this.#isTooLate || this.#data === undefined)
      throw this.#host.final(message);
    throw new Error(message);
  }

  get #isTooLate(): boolean {
    const { deadline } = this.#data ?? {};
    return deadline !== undefined && deadline <= this.#host.now();
  }
}

function noData(label: string): TypeError {
  return new TypeError(
    `Cannot run ${label}: its data are not those of a BullExecutor; let no other program add jobs to the queue`,
  );
}

/** What a job sends while it runs, in order. What comes while something is on its way is sent together. */
class Reports {
  readonly #bull: BullJob<JobData>;
  #waiting: Entry[] = [];
  /** Done when everything is sent. Undefined while nothing is on its way. */
  sending: Promise<void> | undefined = undefined;

  constructor(bull: BullJob<JobData>) {
    this.#bull = bull;
  }

  add(entry: Entry): void {
    this.#waiting.push(entry);
    this.sending ??= this.#send();
  }

  async #send(): Promise<void> {
    await Promise.resolve(); // what comes in this turn goes together
    while (this.#waiting.length > 0) {
      const entries = this.#waiting;
      this.#waiting = [];
      try {
        await this.#bull.updateProgress({ attempt: this.#bull.attemptsStarted, entries });
      } catch {
        // The job was removed. Then nobody reads it.
      }
    }
    this.sending = undefined;
  }
}

function encoded(value: unknown, place: string, label: string, action = 'report from'): unknown {
  if (value instanceof Encoded) return value.value;
  try {
    return encode(value);
  } catch (error) {
    throw cloneError(value, place, `${action} ${label}`, error);
  }
}

function packed(error: unknown): unknown {
  const whole = packError(error);
  try {
    return encode(whole);
  } catch {
    return encode(withoutFields(whole));
  }
}
