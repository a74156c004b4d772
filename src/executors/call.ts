// Call: what a call of an offloaded function returns. It is a promise, or an iterator if the
// function is a generator. Only the worker knows which, so one object is both.
//
// States of a stream: WAITING (for the first answer of the worker) -> FLOWING -> ENDED.
//
// Flow control is by credit. The first next() grants FIRST items. Once half of them are taken, as
// many are granted again as were taken. So the generator is never more than FIRST items ahead.
// Leaving the loop stops the generator. A cancelled next() cancels the job.
//
// Example: the loop takes 32 of 64 items and grants 32 more. The worker, which had stopped at 64,
// goes on to 96. The loop breaks at item 40: the worker receives `stop`, runs the `finally` blocks
// of the generator, and its place is free again.
import { AsyncIteration } from '../base/index.ts';
import { beginWait, callLater, CancelledError, Line, outlast, QueuedWait, waiting } from '../core/index.ts';
import { type Job, STREAM, type StreamSink } from './job.ts';

/** The maximum number of items in transit. */
const FIRST = 64;

type Result = IteratorResult<unknown, undefined>;

export class Call implements PromiseLike<unknown>, AsyncIterable<unknown> {
  readonly #job: Job;
  readonly #outcome: Promise<unknown>;
  readonly #grace: number;
  #iterator: JobStream | undefined = undefined;

  constructor(job: Job, outcome: Promise<unknown>, grace: number) {
    this.#job = job;
    this.#outcome = outcome;
    this.#grace = grace;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- awaiting it is the point
  then<A = unknown, B = never>(
    onValue?: ((value: unknown) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#value().then(onValue, onError);
  }

  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<unknown> {
    return this.#value().catch(onError);
  }

  finally(onEnd?: (() => void) | null): Promise<unknown> {
    return this.#value().finally(onEnd);
  }

  get [Symbol.toStringTag](): string {
    return 'Promise';
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<unknown> {
    return (this.#iterator ??= new JobStream(this.#job, this.#outcome, this.#grace));
  }

  next(): Promise<Result> {
    return this[Symbol.asyncIterator]().next() as Promise<Result>; // JobStream's own type
  }

  return(): Promise<Result> {
    return this[Symbol.asyncIterator]().return?.() as Promise<Result>; // JobStream's own type
  }

  #value(): Promise<unknown> {
    return waiting(
      this.#outcome.then((value) => {
        if (value !== STREAM) return value;
        this.#job.cancel('Cancelled: a stream was awaited');
        throw new TypeError(`Cannot await ${this.#job.call.label}: it is a generator, write for await (... of ...)`);
      }),
    );
  }
}

class JobStream extends AsyncIteration<unknown> implements StreamSink {
  readonly #job: Job;
  readonly #outcome: Promise<unknown>;
  readonly #grace: number;
  readonly #line = new Line<Result, NextWait>();
  #items: readonly unknown[] = [];
  #at = 0;
  /** The batches behind #items. */
  #later: (readonly unknown[])[] = [];
  /** The number of items taken since credit was last granted. Undefined before the first grant. */
  #taken: number | undefined = undefined;
  #end: { readonly error?: unknown } | undefined = undefined;

  constructor(job: Job, outcome: Promise<unknown>, grace: number) {
    super();
    this.#job = job;
    this.#outcome = outcome;
    this.#grace = grace;
    job.attach(this);
  }

  protected override step(): Promise<Result> {
    const item = this.#shift(); // without an async function: most items are there already
    return item === undefined ? waiting(this.#step()) : Promise.resolve(item);
  }

  async #step(): Promise<Result> {
    if (this.#taken === undefined) {
      if (!(await this.#isStream())) {
        throw new TypeError(`Cannot iterate over ${this.#job.call.label}: it is no generator, write await`);
      }
      this.#taken ??= 0;
      this.#credit(FIRST);
    }
    const item = this.#shift();
    if (item !== undefined) return item;
    if (this.#end !== undefined) {
      if ('error' in this.#end) throw this.#end.error;
      return { done: true, value: undefined };
    }
    try {
      return await (beginWait(this.#job.waitOptions) ?? this.#line.join(new NextWait(this.#job)));
    } catch (error) {
      if (error instanceof CancelledError) {
        this.#job.cancel('Cancelled: the caller was cancelled');
        await outlast(this.#job.ended);
      }
      throw error;
    }
  }

  /** Whether the function is a generator, or was not called: the loop was left before. */
  async #isStream(): Promise<boolean> {
    try {
      return (await this.#outcome) === STREAM;
    } catch (error) {
      if (this.ended) return true;
      throw error;
    }
  }

  protected override async end(): Promise<void> {
    this.#end ??= {};
    this.#items = [];
    this.#later = [];
    this.#line.answerAll({ done: true, value: undefined });
    if (this.#job.state === 'ended') return;
    this.#outcome.catch(() => undefined); // the loop was left, so nobody wants to know
    this.#job.post({ type: 'stop', id: this.#job.number });
    if (this.#job.state === 'queued') this.#job.cancel('Cancelled: the stream was left');
    using _ = callLater(this.#grace, () => this.#job.cancel('Cancelled: the stream was left'));
    await this.#job.ended;
  }

  items(items: readonly unknown[]): void {
    if (this.#end !== undefined) return;
    this.#later.push(items);
    while (this.#line.size > 0) {
      const item = this.#shift();
      if (item === undefined) return;
      this.#line.answerFirst(item);
    }
  }

  finished(): void {
    this.#end ??= {};
    if (this.#at >= this.#items.length && this.#later.length === 0)
      this.#line.answerAll({ done: true, value: undefined });
  }

  failed(error: unknown): void {
    this.#end ??= { error };
    this.#line.failAll(() => error);
  }

  #shift(): Result | undefined {
    if (this.#at >= this.#items.length) {
      const batch = this.#later.shift();
      if (batch === undefined) return undefined;
      this.#items = batch;
      this.#at = 0;
    }
    const value = this.#items[this.#at++];
    this.#taken = (this.#taken ?? 0) + 1;
    if (this.#taken >= FIRST / 2) {
      this.#credit(this.#taken);
      this.#taken = 0;
    }
    return { done: false, value };
  }

  #credit(items: number): void {
    this.#job.post({ type: 'credit', id: this.#job.number, items });
  }
}

class NextWait extends QueuedWait<Result> {
  constructor(job: Job) {
    super('executor.next', job, job.waitOptions);
  }
}
