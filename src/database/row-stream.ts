// RowStream: iterates over the rows of a query.
//
// States: NEW --first next()--> OPENING: takes a connection --> OPEN --> ENDED (async-iteration.ts)
//
// - What ends it early (return(), a cancelled next()) stops the query on the server, and waits until
//   that has settled. `for await` does not call return() when next() rejects. So a next() that
//   rejects has ended the stream itself.
// - ENDED gives the connection back, if it was taken from a pool.
// - One next() waits at a time.
import { AsyncIteration } from '../base/index.ts';
import { beginWait, BusyError, type CancelledError, mayAnswer, Wait, waiting } from '../core/index.ts';
import { checkStatement, checkStream, type StreamOptions } from './options.ts';
import { RowJob, type StreamPlan } from './row-job.ts';
import type { Session } from './session.ts';

/** The rows of a stream. */
export type Rows<Row> = AsyncIterableIterator<Row, undefined> & AsyncDisposable;

/** The connection of a stream. */
export interface StreamSource {
  /** Called once, by the first next(). Cancellable. */
  take(): Promise<Session> | Session;
  /** Called once, if `take` has resolved. */
  give(session: Session): void;
}

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

class RowWait<Row> extends Wait<IteratorResult<Row, undefined>> {
  /** Ends the stream. */
  readonly #end: () => Promise<unknown>;
  /** A cancel is waiting for the end of the stream. */
  isStopping = false;
  #isFinal = false;

  constructor(session: Session, end: () => Promise<unknown>) {
    super(`${session.driver.name}.stream`, session);
    this.#end = end;
  }

  override cancel(error: CancelledError, final = false): boolean {
    if (!this.waiting) return super.cancel(error, final);
    this.#isFinal ||= final;
    if (this.isStopping) return true;
    this.isStopping = true;
    void this.#end().then(() => super.cancel(error, this.#isFinal));
    return true;
  }

  protected override withdraw(answered: boolean): void {
    if (answered) void this.#end(); // its loop is left with the cancel, and calls return() no more
  }
}

/**
 * Returns the rows of a query, once it has checked what it got.
 * @param streamBuffer how many rows may wait to be read, if `options` does not say
 */
export function streamRows<Row>(
  source: StreamSource,
  sql: string,
  params: readonly unknown[] | undefined,
  options: StreamOptions,
  streamBuffer: number,
): Rows<Row> {
  checkStatement(sql, params);
  checkStream(options);
  return new RowStream<Row>(source, { sql, params, highWaterMark: options.highWaterMark ?? streamBuffer });
}

class RowStream<Row> extends AsyncIteration<Row> {
  readonly #source: StreamSource;
  readonly #plan: StreamPlan;
  #isOpening = false;
  /** Undefined before OPEN, and once it was given back. */
  #session: Session | undefined = undefined;
  /** Undefined before OPEN. */
  #job: RowJob<Row> | undefined = undefined;
  /** The next() that waits for a row, or the last one that did. */
  #wait: RowWait<Row> | undefined = undefined;
  readonly #end = (): Promise<unknown> => this.return();

  constructor(source: StreamSource, plan: StreamPlan) {
    super();
    this.#source = source;
    this.#plan = plan;
  }

  protected override step(): Promise<IteratorResult<Row, undefined>> {
    if (this.#isOpening || this.#wait?.waiting === true) {
      return Promise.reject(new BusyError('Cannot read the next row: another next() waits for it'));
    }
    const refused = beginWait();
    if (refused !== undefined) return waiting(this.#refuse(refused));
    if (this.#job === undefined) return waiting(this.#open());
    return this.#next(this.#job);
  }

  protected override async end(): Promise<void> {
    const wait = this.#wait;
    if (wait?.isStopping === false) wait.answer(END);
    if (this.#job !== undefined) await this.#job.stop();
    this.#giveBack();
  }

  async #open(): Promise<IteratorResult<Row, undefined>> {
    this.#isOpening = true;
    try {
      this.#session = await this.#source.take();
      if (this.ended) this.#giveBack(); // another task has ended it meanwhile
      else {
        const job = new RowJob<Row>(this.#session, this.#plan, () => this.#changed());
        job.submit();
        this.#job = job;
      }
    } catch (error) {
      await this.return();
      throw error;
    } finally {
      this.#isOpening = false;
    }
    return this.#job === undefined ? END : this.#next(this.#job);
  }

  #next(job: RowJob<Row>): Promise<IteratorResult<Row, undefined>> {
    const row = job.shift();
    if (row === undefined && job.isOver) {
      return job.error === undefined ? this.return() : this.#fail(job.error);
    }
    if (row !== undefined && mayAnswer()) return Promise.resolve({ done: false, value: row });
    const wait = new RowWait<Row>(this.#session as Session, this.#end); // it is OPEN
    this.#wait = wait;
    if (row !== undefined) wait.answer({ done: false, value: row });
    return wait.promise;
  }

  /** There is a row, or the end has come. */
  #changed(): void {
    const job = this.#job;
    const wait = this.#wait;
    if (job === undefined || wait?.waiting !== true || wait.isStopping) return;
    const row = job.shift();
    if (row !== undefined) wait.answer({ done: false, value: row });
    else if (job.isOver) {
      if (job.error === undefined) wait.answer(END);
      else wait.fail(job.error);
      void this.return();
    }
  }

  async #refuse(refused: Promise<never>): Promise<never> {
    await this.return();
    return refused;
  }

  async #fail(error: unknown): Promise<never> {
    await this.return();
    throw error;
  }

  #giveBack(): void {
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) this.#source.give(session);
  }
}
