// Session: a connection of the pool, which runs one job (a statement, or a stream of rows) at a time.
//
// States of the job on the wire:
//
//   RUNNING --the driver reports its end----------------------------> ENDED: the next one starts
//      |                                                                ^
//      `-stop()--> STOPPING: a request to stop it is on its way over    |
//                    | the control connection. It is repeated while the |
//                    | job goes on: the first can come before the job.  |
//                    +-both the job and the request have settled--------'
//                    `-killTimeout passed, or the request failed--> the session is LOST
//
// - While a request is on its way, nothing else is started: the server could stop that instead. So
//   no statement is ever hit by what was meant for the one before it.
// - A job in the line has not been sent. It leaves without a trace.
// - LOST is final. The job on the wire and those in the line end with a ConnectionLostError, and
//   the pool removes the session: at once while it is idle, otherwise at its release.
//
// A session outlives its leases. What users have is a Connection, which is for one lease.
//
// Example: task A runs SELECT SLEEP(60) and is cancelled. Its wait asks for the stop and remains.
// The control connection sends KILL QUERY. The SELECT fails, then the KILL is acknowledged. Only now
// A's wait rejects with the CancelledError, and A's release returns the session.
import { type Linked, LinkedSet } from '../base/index.ts';
import {
  BusyError,
  callLater,
  cancellable,
  Future,
  type Handle,
  type Holder,
  InvalidStateError,
  loopTime,
  moveOnAfter,
  Resource,
  type TaskRecord,
  TimeoutError,
} from '../core/index.ts';
import type { Control } from './control.ts';
import type { Driver, Wire } from './driver.ts';
import { lostError, type Opened, type Opener, openWire } from './wire.ts';

/** What runs on a session. */
export interface Job extends Linked {
  readonly sql: string;
  /** Sends it. It calls `session.settled` once the driver reports its end. */
  start(wire: Wire): void;
  /** Returns true if it ends soon by itself; false if the server must be asked to stop it. */
  halt(): boolean;
  /** The server has been asked to stop it: what is still on its way may come. */
  drain(): void;
  /** Sets how it ends, unless the driver has reported its end. `ended` follows. */
  abandon(error: Error): void;
  /** Called once: it is over, and so is what was to stop it. */
  ended(): void;
}

/** What a session needs from its pool. */
export interface SessionOptions extends Opener {
  readonly control: Control;
  readonly kinds: Kinds;
  /** Milliseconds. */
  readonly killTimeout: number;
  /** The pool. */
  readonly parent: () => Resource;
  /** Called once, if the connection is lost. */
  readonly onLost: (session: Session) => void;
}

/** The figures of a connection. */
export interface SessionStatistics {
  /** The beginning of the SQL text that runs, without values; undefined for none. */
  readonly statement: string | undefined;
  /** The statements that wait in line for it. */
  readonly waiting: number;
  /** The statements that it has run. */
  readonly statements: number;
  /** Whether a transaction is open. */
  readonly transaction: string;
  /** By what the server knows it. */
  readonly serverId: number;
}

/** Milliseconds between the first request to stop a job and the second; doubled for each further. */
const FIRST_PAUSE = 10;
const LONGEST_PAUSE = 500;
/** How much of an SQL text is shown. */
const MOST_SQL = 120;

/** The beginning of an SQL text in one line, for people. */
export function shortSql(sql: string): string {
  const line = sql
    .slice(0, 4 * MOST_SQL)
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > MOST_SQL ? `${line.slice(0, MOST_SQL)}...` : line;
}

/** The kinds of the waits for a driver. */
export interface Kinds {
  readonly query: string;
  readonly execute: string;
  readonly transaction: string;
}

export class Session extends Resource {
  readonly driver: Driver;
  readonly kinds: Kinds;
  readonly #options: SessionOptions;
  #wire: Wire;
  /** The server at its other end. */
  readonly #server: string | null;
  /** The job on the wire; undefined while it is idle. */
  #current: Job | undefined = undefined;
  /** The driver has reported the end of `#current`, and a request to stop it is still on its way. */
  #isSettled = false;
  /** The jobs that wait for the wire, in order. Empty while it is idle. */
  readonly #line = new LinkedSet<Job>();
  /** A request to stop `#current` is on its way. */
  #isStopping = false;
  /** Repeats the request. */
  #again: Handle | undefined = undefined;
  #pause = FIRST_PAUSE;
  /** Gives the session up, if `#current` does not end. */
  #limit: Handle | undefined = undefined;
  /** Why it is LOST; undefined while it is not. */
  #lost: Error | undefined = undefined;
  /** Done when the wire is idle; undefined while nobody waits for that. */
  #idle: Future<void> | undefined = undefined;
  #statements = 0;
  /** Who has the lease. Undefined while it is idle. */
  #holder: Holder | undefined = undefined;
  /** The stream that is open or in the line. It excludes all other jobs. */
  stream: Job | undefined = undefined;
  /** The transactions of `transaction()` that are open, savepoints included. */
  depth = 0;
  /** The error with which the server has rolled the open transaction back; undefined for none. */
  aborted: unknown = undefined;

  /** Connects. Cancellable. */
  static async open(options: SessionOptions): Promise<Session> {
    const lost: { session?: Session; error?: unknown } = {};
    const opened = await openWire(options, (error) => {
      if (lost.session === undefined) lost.error = error;
      else lost.session.lose(error);
    });
    if (lost.error !== undefined) throw lostError(options, lost.error); // in the turn in which it connected
    return (lost.session = new Session(options, opened));
  }

  private constructor(options: SessionOptions, { wire, server }: Opened) {
    super();
    this.#options = options;
    this.driver = options.driver;
    this.kinds = options.kinds;
    this.#wire = wire;
    this.#server = server;
    options.control.join();
    this.markOpened();
  }

  get kind(): 'database connection' {
    return 'database connection';
  }

  protected override get hasEnd(): true {
    return true;
  }

  override get parent(): Resource {
    return this.#options.parent();
  }

  /** `database connection 3`. */
  override get label(): string {
    return `${this.kind} ${this.id}`;
  }

  override get task(): TaskRecord | undefined {
    return this.#holder?.task;
  }

  override holders(): Iterable<Holder> {
    return this.#holder === undefined ? [] : [this.#holder];
  }

  statistics(): SessionStatistics {
    return {
      statement: this.#current === undefined ? undefined : shortSql(this.#current.sql),
      waiting: this.#line.size,
      statements: this.#statements,
      transaction: this.#wire.transaction,
      serverId: this.#wire.serverId,
    };
  }

  /** A lease begins. Ended by `reset` or `forget`. */
  take(task: TaskRecord | undefined): void {
    this.#holder = { task, since: loopTime() };
  }

  /** True if nothing is left of its lease, so that it needs no `reset`. */
  get isClean(): boolean {
    return this.#current === undefined && this.#wire.transaction === 'none' && this.#lost === undefined;
  }

  /** Whether the server accepts nothing but a rollback, or has rolled back already. */
  get hasFailed(): boolean {
    return this.aborted !== undefined || this.#wire.transaction === 'failed';
  }

  /** Ends its lease. Only for one that is clean. */
  forget(): void {
    this.#holder = undefined;
  }

  /**
   * Ends its lease, and makes it as new: what still runs is stopped, and what is open is rolled back.
   * Rejects if that fails.
   * @param rollback runs a ROLLBACK
   */
  async reset(rollback: () => Promise<unknown>): Promise<void> {
    this.#holder = undefined;
    this.depth = 0;
    this.aborted = undefined;
    this.#abandonAll('its connection was released');
    if (this.#current !== undefined) {
      this.stop(this.#current);
      await (this.#idle ??= new Future());
    }
    this.stream = undefined;
    if (this.#lost !== undefined) throw this.#lost;
    if (this.#wire.transaction !== 'none') await rollback();
  }

  /**
   * Closes it. What still runs is stopped on the server first. A server that does not answer is left
   * without a goodbye: after `killTimeout`, or with a cancel.
   */
  async close(): Promise<void> {
    if (this.#lost !== undefined) return;
    const { control, killTimeout } = this.#options;
    const wire = this.#wire;
    const patience = killTimeout / 2;
    if (this.#current === undefined) {
      this.#gone(new InvalidStateError(`${this.label} is closed`));
      try {
        await moveOnAfter(patience, () => cancellable(wire.end()));
      } finally {
        wire.destroy();
        control.leave();
      }
      await control.closed();
      return;
    }
    const ended = new Future<void>();
    control.run(this.driver.endSql(wire.serverId), this.#server, () => ended.answer());
    try {
      await moveOnAfter(patience, () => ended);
    } finally {
      this.lose(new InvalidStateError('its pool was shut down'));
    }
    await control.closed();
  }

  /** Returns why a job cannot be accepted now; undefined if it can. */
  refusal(): Error | undefined {
    if (this.#lost !== undefined) return lostError(this.#options, this.#lost.cause);
    if (this.stream !== undefined) {
      return new BusyError(
        `Cannot run statement: a stream of rows is open on ${this.label}\n` +
          '    Read the stream to its end or leave its loop first, or acquire a second connection.',
      );
    }
    if (this.aborted !== undefined) {
      return new InvalidStateError(
        'Cannot run statement: the database has rolled the transaction back, so nothing may follow in it',
        { cause: this.aborted },
      );
    }
    return undefined;
  }

  /** Runs a job, or puts it at the end of the line. */
  submit(job: Job): void {
    if (this.#lost !== undefined) {
      job.abandon(lostError(this.#options, this.#lost.cause));
      job.ended();
    } else if (this.#current === undefined) this.#start(job);
    else this.#line.add(job);
  }

  /** Takes a job out of the line. */
  withdraw(job: Job): boolean {
    return this.#line.delete(job);
  }

  isRunning(job: Job): boolean {
    return this.#current === job;
  }

  /** The driver has reported the end of a job. `job.ended` follows, perhaps at once. */
  settled(job: Job, error: unknown): void {
    if (this.#current !== job || this.#isSettled) return;
    if (error !== undefined) {
      if (this.driver.isLost(error)) {
        this.lose(error);
        return;
      }
      if (this.depth > 0 && this.driver.endsTransaction(error)) this.aborted = error;
    }
    this.#isSettled = true;
    if (!this.#isStopping) this.#finish();
  }

  /** Makes the server stop the job on the wire. Its `ended` is called at most `killTimeout` ms later. */
  stop(job: Job): void {
    if (this.#current !== job || this.#limit !== undefined) return;
    this.#limit = callLater(this.#options.killTimeout, () => this.#giveUp());
    if (!job.halt() && !this.#isSettled) this.#sendStop();
  }

  /** Ends the stream that is open, if one is. */
  stopStream(): void {
    const { stream } = this;
    if (stream === undefined) return;
    stream.abandon(new InvalidStateError('Cannot read the next row: the transaction around the stream has ended'));
    if (this.withdraw(stream)) stream.ended();
    else this.stop(stream);
  }

  /** The connection is gone, or of no use. */
  lose(error: unknown): void {
    if (this.#lost !== undefined) return;
    const wire = this.#wire;
    this.#gone(lostError(this.#options, error));
    wire.destroy();
    const job = this.#current;
    this.#current = undefined;
    job?.abandon(lostError(this.#options, error));
    job?.ended();
    this.#idle?.answer();
    this.#options.control.leave();
    this.#options.onLost(this);
  }

  #start(job: Job): void {
    this.#current = job;
    this.#statements++;
    job.start(this.#wire);
  }

  #finish(): void {
    const job = this.#current as Job; // it has settled
    this.#clear();
    this.#current = undefined;
    const next = this.#line.shift();
    if (next === undefined) this.#idle?.answer();
    else this.#start(next);
    job.ended();
  }

  /** Forgets what belongs to the job that was on the wire. */
  #clear(): void {
    this.#isSettled = false;
    this.#isStopping = false;
    this.#pause = FIRST_PAUSE;
    this.#limit?.cancel();
    this.#limit = undefined;
    this.#again?.cancel();
    this.#again = undefined;
  }

  #sendStop(): void {
    this.#isStopping = true;
    this.#options.control.run(this.driver.stopSql(this.#wire.serverId), this.#server, (error) => {
      if (this.#lost !== undefined) return;
      this.#isStopping = false;
      if (this.#isSettled) this.#finish();
      else if (error !== undefined) this.lose(error); // nothing else would stop it
      else {
        this.#current?.drain();
        this.#again = callLater(this.#pause, () => this.#sendStop());
        this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
      }
    });
  }

  #giveUp(): void {
    const { control, killTimeout } = this.#options;
    control.run(this.driver.endSql(this.#wire.serverId), this.#server, () => undefined);
    this.lose(new TimeoutError(`The server did not stop the statement within ${killTimeout} ms`));
  }

  /** Makes it LOST. */
  #gone(error: Error): void {
    this.#lost = error;
    this.#clear();
    this.#holder = undefined;
    this.markClosed();
    for (let job = this.#line.shift(); job !== undefined; job = this.#line.shift()) {
      job.abandon(lostError(this.#options, error.cause));
      job.ended();
    }
  }

  /** Ends what nobody can wait for any more. */
  #abandonAll(why: string): void {
    const error = (): Error => new InvalidStateError(`Cannot run statement: ${why} before its end`);
    for (let job = this.#line.shift(); job !== undefined; job = this.#line.shift()) {
      job.abandon(error());
      job.ended();
    }
    this.#current?.abandon(error());
  }
}
