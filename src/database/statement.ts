// StatementWait: one statement, which is both the job on the wire and the wait of the caller.
//
// States: IN LINE --start()--> RUNNING --ended()--> the wait is answered or failed
//            |                    `-cancel, timeout--> STOPPING --ended()--> it rejects with that
//            `-cancel, timeout--> it leaves, and rejects at once
//
// - In RUNNING, a cancel does not end the wait. It stops the statement on the server, and the wait
//   ends when that has settled. So a caller that continues after its cancel has left nothing
//   running. `AwaitWait` of core passes its cancel on in the same way.
// - A statement that succeeded before its timeout could stop it has succeeded. A cancel stands: the
//   task must see it.
// - A *firm* statement takes no cancel: the scope keeps it for the next wait. So COMMIT either
//   resolves, or the transaction did not happen. From the cancel on, it has `killTimeout` to end.
// - A *brittle* one, which tests a connection, ends at once with its cancel, and so does the session.
import type { Deadline } from '../base/index.ts';
import {
  addDeadline,
  CancelledError,
  deleteDeadline,
  loopTime,
  QueuedWait,
  TimeoutError,
  type WaitOptions,
} from '../core/index.ts';
import type { Result, Wire } from './driver.ts';
import { type Job, type Session, shortSql } from './session.ts';

/** What a statement is, and how it behaves when it is cancelled. */
export interface StatementPlan {
  readonly sql: string;
  readonly params: readonly unknown[] | undefined;
  readonly isPrepared: boolean;
  readonly temper?: 'firm' | 'brittle' | undefined;
  /** Milliseconds that it may take; Infinity for no limit. */
  readonly ms: number;
  /** When they are over, on the loop's clock. Default: `ms` from now. */
  readonly deadline?: number | undefined;
  /** Called once when it has left its connection, or was never there. */
  readonly onEnd?: (() => void) | undefined;
}

export class StatementWait extends QueuedWait<Result<unknown>> implements Job, Deadline {
  readonly #session: Session;
  readonly #plan: StatementPlan;
  readonly when: number;
  slot = -1;
  order = 0;
  #isStarted = false;
  #isOver = false;
  /** The driver has reported its end. */
  #isReported = false;
  /** What the driver reported. */
  #error: unknown = undefined;
  #result: Result<unknown> | undefined = undefined;
  /** Stands for what the driver reports, if its connection is lost or released; see `Job.abandon`. */
  #abandoned: Error | undefined = undefined;
  /** What stopped it; undefined for nothing. */
  #stopped: Error | undefined = undefined;
  /** The cancel among `#stopped` concerns this wait alone. */
  #isFinal = false;

  /** @param kind the kind of the wait: `mysql.query` */
  constructor(session: Session, kind: string, plan: StatementPlan, options: WaitOptions | undefined) {
    super(kind, session, options);
    this.#session = session;
    this.#plan = plan;
    this.when = plan.ms === Infinity ? Infinity : (plan.deadline ?? loopTime() + plan.ms);
    if (this.when !== Infinity) addDeadline(this);
  }

  get sql(): string {
    return this.#plan.sql;
  }

  get #isFirm(): boolean {
    return this.#plan.temper === 'firm';
  }

  start(wire: Wire): void {
    this.#isStarted = true;
    const { sql, params, isPrepared } = this.#plan;
    wire.run(sql, params, isPrepared, (error, result) => {
      this.#isReported = !this.#session.driver.isLost(error);
      this.#error = error;
      this.#result = result;
      this.#session.settled(this, error);
    });
  }

  halt(): boolean {
    return this.#isFirm;
  }

  drain(): void {
    // Its result has never stopped coming.
  }

  abandon(error: Error): void {
    if (!this.#isReported || this.#error !== undefined) this.#abandoned ??= error;
  }

  ended(): void {
    deleteDeadline(this);
    this.#isOver = true;
    this.#plan.onEnd?.();
    const stopped = this.#stopped;
    const error = this.#abandoned ?? this.#error;
    if (stopped instanceof CancelledError) super.cancel(stopped, this.#isFinal);
    else if (error === undefined) this.answer(this.#result as Result<unknown>); // without an error, there is one
    else this.fail(stopped ?? error);
  }

  /** Its time is over. Called by the loop. */
  due(): void {
    const { ms, sql } = this.#plan;
    const error = new TimeoutError(`Timed out: ${ms} ms passed in ${this.kind} of ${shortSql(sql)}`);
    if (this.#stopped !== undefined || !this.waiting) return;
    if (this.#isFirm) this.#session.lose(error);
    else if (this.#isStarted) this.#stop(error);
    else {
      super.withdraw(false, undefined as never);
      this.#plan.onEnd?.();
      this.fail(error);
    }
  }

  override cancel(error: CancelledError, final = false): boolean {
    if (this.#isFirm) {
      if (this.waiting && this.#isStarted) this.#session.stop(this);
      return false;
    }
    if (!this.waiting || !this.#isStarted) return super.cancel(error, final);
    this.#isFinal ||= final;
    if (!(this.#stopped instanceof CancelledError)) this.#stop(error);
    return true;
  }

  protected override withdraw(answered: boolean, value: Result<unknown>): void {
    deleteDeadline(this);
    super.withdraw(answered, value);
    if (!this.#isOver) this.#plan.onEnd?.(); // it has left the line
  }

  #stop(error: Error): void {
    this.#stopped = error;
    if (this.#plan.temper === 'brittle') this.#session.lose(error);
    else this.#session.stop(this);
  }
}
