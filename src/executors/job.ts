// Job: one job, as its caller and its executor see it.
//
// States: QUEUED -(a worker takes it)-> RUNNING -> ENDED, or QUEUED -(cancel, queueTimeout)->
// ENDED. A RUNNING job may be a stream. Where a job may run more than once, it can become QUEUED again.
//
// - The caller waits with one wait record (`executor.call`). A cancel of that wait cancels the job.
// - `ended` resolves when the place of the job is free again: with its answer, or, after a cancel,
//   once the worker has confirmed it or has ended. A cancelled call rejects only then, so that
//   nothing outlives its owner. An abandoned job is the exception.
// - The outcome is decided once, by the first of answer, failure, expiry and cancel.
//
// Example: a job runs synchronous code, and its caller is cancelled at 0 ms. The worker is
// informed; the code never calls checkpoint(). At 500 ms (cancelGrace) the worker is terminated. It
// exits, `ended` resolves, and only now the call rejects.
import {
  CancelledError,
  currentTask,
  Future,
  makeCancelledError,
  Resource,
  type Task,
  type TaskRecord,
  TimeoutError,
  Wait,
  type WaitOptions,
} from '../core/index.ts';
import { callAfterAnswers } from './call-after-answers.ts';
import type { JobOptions } from './executor.ts';
import type { JobTarget, ToWorker } from './protocol.ts';

/** The value that a call resolves to if its function is a generator. */
export const STREAM: unique symbol = Symbol('maitre.stream');

/** The executor, as a job sees it. */
export interface JobOwner {
  /** Cancels a job whose outcome nobody waits for any more. */
  cancelJob(job: Job, message: string): void;
}

/** What to run: an export of a module, or the text of a closed function. */
export interface JobCall {
  readonly target: JobTarget;
  readonly args: readonly unknown[];
  /** Its name in messages and tools. */
  readonly label: string;
  /** How often it was started, if that is known. */
  readonly attempt?: number;
  /** Milliseconds until the deadline of its caller, if it has one. */
  readonly within?: number;
}

/** Where a call was made. Reading the stack costs more than keeping it, so that waits until an error needs it. */
export interface CallSite {
  readonly stack?: string;
}

/** Where a job runs, as the job sees it. */
export interface JobPlace {
  readonly number: number;
  readonly job: Job | undefined;
  /** The machine, if it is another one and known: `host:pid`. */
  readonly machine?: string | undefined;
  /** Which run of the job this is, counting from 1, where a job may run more than once. */
  readonly attempt?: number;
  post(message: ToWorker): void;
}

let lastId = 0;

export class Job extends Resource {
  /** Unique in this process. Never 0, which means "no job" in shared memory. */
  readonly number: number = ++lastId;
  readonly call: JobCall;
  readonly options: JobOptions;
  /** The values of the storages of the option `context`, where it was called. */
  readonly context: readonly unknown[] | undefined;
  /** The options of every wait for it. Only standFor() changes them. */
  waitOptions: WaitOptions;
  /** Where the job was called. */
  readonly site: CallSite | undefined;
  state: 'queued' | 'running' | 'ended' = 'queued';
  /** True once no caller waits for it any more. */
  isCancelled = false;
  /** True once its worker was terminated, because it did not end in time. */
  isTerminated = false;
  /** Receives the items of a stream, its end and its failure. Undefined before attach(). */
  #sink: StreamSink | undefined = undefined;
  /** How a stream failed that nobody has iterated over yet. */
  #failure: { readonly error: unknown } | undefined = undefined;
  readonly #owner: JobOwner & Resource;
  /** Made when somebody asks for it. */
  #ended: Future<void> | undefined = undefined;
  #place: JobPlace | undefined = undefined;
  /** The wait of the caller: for room in the queue, or, from begin() on, for the answer. */
  #wait: Wait<unknown> | undefined = undefined;
  /** The error that the call rejects with once the place is free, after a timeout. */
  #expiry: TimeoutError | undefined = undefined;
  /** Why it was cancelled, for those who still wait when it has ended. */
  #cancellation: CancelledError | string | undefined = undefined;
  /** The timer of `queueTimeout` while queued, and of `timeout` while running. */
  #timer: { cancel(): void } | undefined = undefined;

  constructor(
    owner: JobOwner & Resource,
    call: JobCall,
    options: JobOptions,
    context: readonly unknown[] | undefined,
    site: CallSite | undefined,
  ) {
    super();
    this.#owner = owner;
    this.context = context;
    this.call = call;
    this.options = options;
    this.waitOptions = options;
    this.site = site;
    this.markOpened();
    const { queueTimeout } = options;
    if (queueTimeout !== undefined)
      this.#timer = callAfterAnswers(queueTimeout, () => this.#expire(queueTimeout, 'no worker was free for'));
  }

  get kind(): 'job' {
    return 'job';
  }

  protected override get hasEnd(): true {
    return true;
  }

  override get parent(): Resource {
    return this.#owner;
  }

  override get label(): string {
    return this.call.label;
  }

  /** The task that waits for it, or waited until it became a stream. */
  override get task(): TaskRecord | undefined {
    return this.#wait?.task;
  }

  override get ending(): boolean {
    return this.isCancelled;
  }

  statistics(): object {
    const { machine, attempt } = this.#place ?? {};
    return {
      state: this.state,
      cancelled: this.isCancelled,
      ...(attempt !== undefined && { attempt }),
      ...(machine !== undefined && this.state === 'running' && { machine }),
    };
  }

  override toString(): string {
    return `<Job ${JSON.stringify(this.call.label)} ${this.state}>`;
  }

  /** Called by its own task, if it has one, before it begins: makes all waits for it those of the task. */
  standFor(task: Task<unknown>): void {
    if (currentTask() === task) return; // the host carries it
    const { signal } = this.options;
    this.waitOptions = { signal: signal === undefined ? task.signal : AbortSignal.any([task.signal, signal]) };
  }

  /** Makes a wait for room in the queue that of the caller: it fails when the time in the queue is over. */
  waitForRoom(wait: Wait<unknown>): void {
    this.#wait = wait;
  }

  /** The error of a job whose time in the queue is over. */
  get expiry(): TimeoutError | undefined {
    return this.#expiry;
  }

  /** Begins the wait of the caller. */
  begin(): Promise<unknown> {
    this.#wait = new JobWait(this);
    return this.#wait.promise;
  }

  /** Resolves once the place of the job is free. */
  get ended(): Future<void> {
    if (this.#ended === undefined) {
      this.#ended = new Future();
      if (this.state === 'ended') this.#ended.answer();
    }
    return this.#ended;
  }

  /** Calls `fn` once the place of the job is free. */
  whenEnded(fn: () => void): void {
    this.ended.addDoneCallback(fn);
  }

  /** Sends its worker a message. Does nothing while it has no worker. */
  post(message: ToWorker): void {
    if (this.#place?.job === this) this.#place.post(message);
  }

  /** Called when a worker has taken the job. */
  started(place: JobPlace): void {
    this.state = 'running';
    this.#place = place;
    this.markStarted(place.number);
    this.#timer?.cancel();
    const { timeout } = this.options;
    if (timeout !== undefined) this.#timer = callAfterAnswers(timeout, () => this.#expire(timeout, 'it ran for'));
  }

  /** Called when it waits for a worker again, because the first was lost or it is to be retried. */
  returned(): void {
    if (this.state === 'running') this.state = 'queued';
  }

  /** Called when the worker has answered. With STREAM, items follow, and the job goes on. */
  answer(value: unknown): void {
    if (value !== STREAM) this.#timer?.cancel();
    if (this.#expiry === undefined) this.#wait?.answer(value);
  }

  /** Called when the job has failed. After a timeout, the TimeoutError comes first. */
  fail(error: unknown): void {
    this.#timer?.cancel();
    this.#failStream(error);
    if (this.#expiry === undefined) this.#wait?.fail(error);
  }

  /** Called when its place is free. */
  leave(): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    this.#timer?.cancel();
    if (this.isCancelled) this.#endCancelled();
    this.#ended?.answer();
    this.markClosed();
  }

  /** Tells those who still wait. Does nothing for a stream that has ended, or a call that was answered. */
  #endCancelled(): void {
    if (this.#expiry !== undefined) {
      this.#failStream(this.#expiry);
      this.#wait?.fail(this.#expiry);
      return;
    }
    const reason = this.#cancellation;
    const error = reason instanceof CancelledError ? reason : makeCancelledError(reason, { kind: 'task' });
    this.#failStream(error);
    if (this.#wait?.waiting === true) this.#wait.cancel(error, true);
  }

  /** Called when its caller was cancelled, or the executor ends. */
  cancel(reason: CancelledError | string): void {
    if (this.state === 'ended' || this.isCancelled) return;
    this.isCancelled = true;
    this.#cancellation = reason;
    this.#timer?.cancel();
    this.#owner.cancelJob(this, typeof reason === 'string' ? reason : reason.message);
  }

  /** Called when the executor ends the job: its call rejects with `error`. */
  refuse(error: CancelledError): void {
    this.#failStream(error);
    this.cancel(error);
    this.#wait?.cancel(error, true);
  }

  /** Sets what receives the items of the stream. */
  attach(sink: StreamSink): void {
    this.#sink = sink;
    if (this.#failure !== undefined) sink.failed(this.#failure.error);
  }

  /** Called with items of the stream. */
  items(items: readonly unknown[]): void {
    this.#sink?.items(items);
  }

  /** Called when the stream has ended. */
  finished(): void {
    this.#sink?.finished();
  }

  #failStream(error: unknown): void {
    if (this.#sink === undefined) this.#failure ??= { error };
    else this.#sink.failed(error);
  }

  #expire(ms: number, why: string): void {
    this.#expiry = new TimeoutError(`Timed out: ${this.call.label}, ${why} ${ms} ms`);
    this.cancel(this.#expiry.message);
  }
}

/** The consumer of a stream. */
export interface StreamSink {
  items(items: readonly unknown[]): void;
  finished(): void;
  failed(error: unknown): void;
}

class JobWait extends Wait<unknown> {
  readonly #job: Job;

  constructor(job: Job) {
    super('executor.call', job, job.waitOptions);
    this.#job = job;
  }

  protected override withdraw(): void {
    this.#job.cancel('Cancelled: the caller was cancelled');
  }
}
