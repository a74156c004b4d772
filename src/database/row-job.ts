// RowJob: the query behind a stream of rows, as the session runs it, and the rows that wait.
//
// States: IN LINE --start()--> FLOWING <--full, half empty--> PAUSED --the last row, an error--> OVER
//            `-stop()--> OVER       `-stop()--> STOPPING: what still comes is dropped --> OVER
//
// In STOPPING, a server that goes on until it is asked is not read before it has been asked. It could
// send without end meanwhile, and a runtime that reads one connection ahead of others (Deno) would
// not come to the one over which it is asked.
//
// So memory holds about `highWaterMark` rows, however many the query has. In OVER, rows can still
// wait to be read; the session is free by then.
import { Deque, type Linked } from '../base/index.ts';
import { Wait } from '../core/index.ts';
import type { RowFlow, RowSink, Wire } from './driver.ts';
import type { Job, Session } from './session.ts';

/** What a stream reads. */
export interface StreamPlan {
  readonly sql: string;
  readonly params: readonly unknown[] | undefined;
  /** Rows. */
  readonly highWaterMark: number;
}

/**
 * Waits for the end of a stream, which takes bounded time. The scope keeps a cancel for the next
 * wait.
 */
class EndWait extends Wait<void> {
  override cancel(): boolean {
    return false;
  }
}

export class RowJob<Row> implements Job, RowSink {
  // Only LinkedSet writes these.
  previous: Linked | undefined = undefined;
  next: Linked | undefined = undefined;
  list: object | undefined = undefined;
  readonly #session: Session;
  readonly #plan: StreamPlan;
  /** Called when there is a row, and at the end. */
  readonly #changed: () => void;
  readonly #rows = new Deque<Row>();
  /** Undefined before it is on the wire. */
  #flow: RowFlow | undefined = undefined;
  #isPaused = false;
  #isStopping = false;
  /** The driver has reported the end. */
  #isReported = false;
  /** Those in `stop()`. */
  readonly #ends: EndWait[] = [];
  isOver = false;
  /** How it ended; undefined for a good end. */
  error: unknown = undefined;

  constructor(session: Session, plan: StreamPlan, changed: () => void) {
    this.#session = session;
    this.#plan = plan;
    this.#changed = changed;
  }

  get sql(): string {
    return this.#plan.sql;
  }

  /** Puts it in the line of the session. Throws if the session does not accept it. */
  submit(): void {
    const refusal = this.#session.refusal();
    if (refusal !== undefined) throw refusal;
    this.#session.stream = this;
    this.#session.submit(this);
  }

  start(wire: Wire): void {
    const { sql, params, highWaterMark } = this.#plan;
    this.#flow = wire.stream(sql, params, highWaterMark, this);
  }

  row(row: unknown): void {
    if (this.#isStopping) return;
    this.#rows.pushBack(row as Row); // the caller says what its rows are
    if (!this.#isPaused && this.#rows.length >= this.#plan.highWaterMark) {
      this.#isPaused = true;
      this.#flow?.pause();
    }
    this.#changed();
  }

  end(error: unknown): void {
    if (this.#isReported) return;
    // A lost connection abandons all of its jobs with an error of this project.
    this.#isReported = !this.#session.driver.isLost(error);
    if (this.#isReported) this.error ??= error;
    this.#session.settled(this, error);
  }

  abandon(error: Error): void {
    if (!this.#isReported || this.error !== undefined) this.error = error;
  }

  ended(): void {
    this.isOver = true;
    if (this.#session.stream === this) this.#session.stream = undefined;
    for (const wait of this.#ends) wait.answer();
    this.#changed();
  }

  /** Takes the next row; undefined if there is none now. */
  shift(): Row | undefined {
    const row = this.#rows.popFront();
    if (this.#isPaused && !this.#isStopping && this.#rows.length <= this.#plan.highWaterMark / 2) {
      this.#isPaused = false;
      this.#flow?.resume();
    }
    return row;
  }

  halt(): boolean {
    this.#isStopping = true;
    this.#rows.clear();
    return this.#flow?.stop() === true;
  }

  drain(): void {
    this.#flow?.resume();
  }

  /** Drops the rows and ends the query. Resolves when it is over; takes no cancel. */
  stop(): Promise<void> {
    this.#rows.clear();
    if (this.isOver) return Promise.resolve();
    if (this.#session.withdraw(this)) {
      this.ended();
      return Promise.resolve();
    }
    const wait = new EndWait(`${this.#session.driver.name}.stream`, this.#session);
    this.#ends.push(wait);
    this.#session.stop(this);
    return wait.promise;
  }
}
