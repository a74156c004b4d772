// The supervisor: what a program sees of its workers. crew.ts does the work.
//
// States: STARTING -> SERVING -> ENDING -> CLOSED, those of the crew. `closed` is true from the first
// step of ENDING on.
import { type Checks, anything, checkOptions, notNegativeMs } from '../base/index.ts';
import {
  beginWait,
  CancelledError,
  defaultGrace,
  Future,
  InvalidStateError,
  OutcomeWait,
  reportException,
  Resource,
  type WaitOptions,
  waiting,
} from '../core/index.ts';
import { type Address, formatAddress, onlyPort } from '../net/index.ts';
import { ownHub } from './broadcast-hub.ts';
import type { StartFailure } from './changes.ts';
import type { ClientDeck } from './client-deck.ts';
import { Crew, type CrewSettings } from './crew.ts';
import { DUMP_CHANNEL } from './dump.ts';
import type { ReloadReport } from './roll.ts';
import { reportEvent } from './report-event.ts';
import { ServeError } from './serve/serve-error.ts';
import { reportOf, type SupervisorReport, type SupervisorStatistics, type WorkerRow } from './supervisor-report.ts';
import { Switchboard } from './switchboard.ts';
import type { LeafMaker } from './worker-leaf.ts';
import { checkCount } from './workers-options.ts';
import type { WorkersEvent, WorkersListener } from './workers-events.ts';

/** What a supervisor works with. */
export interface SupervisorParts {
  readonly maker: LeafMaker;
  readonly deck: ClientDeck;
  readonly settings: CrewSettings;
  /** The file that is served, as the user typed it. */
  readonly file: string;
  readonly name: string | undefined;
  /** Undefined: what goes wrong goes to the exception handler. */
  readonly onEvent: WorkersListener | undefined;
}

/** Options of `supervisor.shutdown`. */
export interface SupervisorShutdownOptions extends WaitOptions {
  /** Milliseconds that the clients of every worker have to finish. Default: see `shutdown`. */
  readonly grace?: number | undefined;
}

const SHUTDOWN: Checks<SupervisorShutdownOptions> = { grace: notNegativeMs, signal: anything };

/**
 * The workers that `serveWorkers` started, and the sockets on which they serve. Disposing it runs
 * `shutdown`.
 *
 * @example
 * ```ts no-run
 * import { serveWorkers } from 'maitre/workers';
 * await using supervisor = await serveWorkers('app.js', { port: 8002, workers: 2 });
 * console.log(supervisor.port, supervisor.workers.length); // 8002 2
 * await supervisor.serveForever();
 * ```
 */
export class Supervisor extends Resource implements AsyncDisposable {
  readonly #crew: Crew;
  readonly #switchboard: Switchboard;
  readonly #parts: SupervisorParts;
  /** Done when the last worker is gone. */
  readonly #ended = new Future<void>();
  #forever: Future<never> | undefined = undefined;
  #hasServed = false;

  /** For serveWorkers, and for tests with workers that are not real. @internal */
  static make(parts: SupervisorParts): Supervisor {
    return new Supervisor(parts);
  }

  /** Use `serveWorkers`. */
  protected constructor(...use: never[]);
  /** @internal */
  protected constructor(parts: SupervisorParts);
  protected constructor(parts: SupervisorParts) {
    super({ name: parts.name });
    this.#parts = parts;
    this.#switchboard = new Switchboard(ownHub(), (message) => this.#emit({ event: 'warning', message }));
    this.#crew = new Crew(parts.settings, {
      maker: parts.maker,
      deck: parts.deck,
      emit: (event) => this.#emit(event),
      onMessage: (member, type, body) => void this.#switchboard.receive(member, type, body),
      onEnded: () => {
        this.markClosed();
        this.#ended.answer();
      },
    });
    this.markOpened();
  }

  get kind(): 'supervisor' {
    return 'supervisor';
  }

  protected override get hasEnd(): true {
    return true;
  }

  /** @internal */
  override get ending(): boolean {
    return this.closed;
  }

  /** @internal */
  override endWithin(grace: number): Promise<unknown> {
    return this.shutdown({ grace });
  }

  /** @internal */
  override endNow(): void {
    this.#crew.kill();
  }

  /** The addresses that the workers listen on. Empty once closed. */
  get addresses(): Address[] {
    return [...this.#parts.deck.addresses];
  }

  /**
   * The TCP port on which the workers listen, if it is the same for all addresses.
   * @throws InvalidStateError when there is none, or several
   */
  get port(): number {
    const { state } = this.#crew;
    return onlyPort(this.addresses, state === 'serving' ? state : 'closed');
  }

  /** True from the beginning of the end on. */
  get closed(): boolean {
    return this.#crew.isEnding;
  }

  /** How many workers there should be: what `serveWorkers` or the last `scale` asked for. */
  get size(): number {
    return this.#crew.changes.wanted;
  }

  /** All workers that are not gone: those that serve, start or drain. By place, the oldest first. */
  get workers(): WorkerRow[] {
    const rows = this.#crew.members.map((member): WorkerRow => {
      const { id, place, generation, process, connections, memory, since } = member;
      const state = member.state as WorkerRow['state']; // those that are gone are not listed
      return { id, place, generation, process, state, connections, memory, since };
    });
    return rows.sort((a, b) => a.place - b.place || a.id - b.id);
  }

  /** Counts the workers, and what happened to them so far. */
  statistics(): SupervisorStatistics {
    const { members, places, generation, counts } = this.#crew;
    const inState = (state: string): number => members.filter((member) => member.state === state).length;
    return {
      wanted: this.size,
      ready: inState('ready'),
      starting: inState('starting'),
      draining: inState('draining'),
      down: places.filter(({ isDown }) => isDown).length,
      connections: members.reduce((sum, { connections }) => sum + connections, 0),
      generation,
      ...counts,
    };
  }

  protected override describeState(): string {
    const { ready, wanted, connections } = this.statistics();
    const where = this.addresses.map(formatAddress).join(' ');
    return `${this.#crew.state}${where === '' ? '' : ` ${where}`}, ${ready} of ${wanted} workers, ${connections} ${connections === 1 ? 'connection' : 'connections'}`;
  }

  // ---- changes -------------------------------------------------------------------------------------------------

  /**
   * Starts the first workers. When it fails, or is cancelled, the supervisor ends. @internal
   */
  start(count: number): Promise<void> {
    return waiting(this.#start(count));
  }

  async #start(count: number): Promise<void> {
    const refused = beginWait();
    const started = new Future<StartFailure | undefined>();
    try {
      if (refused !== undefined) await refused;
      this.#crew.start(count).then(
        (failure) => started.answer(failure),
        (error: unknown) => started.fail(error),
      );
      const failure = await new OutcomeWait('serveWorkers', started, undefined, this).promise;
      if (failure !== undefined) throw this.#startError('serve', failure);
      if (this.closed) throw new InvalidStateError(`Cannot serve ${this.#parts.file}: the supervisor was ended`);
      this.#hasServed = true;
    } catch (error) {
      this.#crew.kill();
      await this.#untilEnded();
      throw error;
    }
  }

  /**
   * Replaces all workers by new ones, which load the file as it is now. Each new worker must be ready
   * before the one that it replaces drains; one that fails ends the reload, and those that were not
   * replaced go on. Resolves when the new ones serve. Those before them drain within their grace.
   *
   * A reload that is asked for while one runs begins after it, once for all who asked. Cancellable:
   * once nobody waits for a reload any more, it stops, and those that serve stay.
   * @returns how it ended; a broken file is no error
   * @throws InvalidStateError when the supervisor is closed or not started; CancelledError
   *
   * @example
   * ```ts no-run
   * import { serveWorkers } from 'maitre/workers';
   * await using supervisor = await serveWorkers('app.js', { port: 8002 });
   * const { state, failure } = await supervisor.reload();
   * if (state === 'failed') console.error(failure?.message);
   * ```
   */
  reload(options?: WaitOptions): Promise<ReloadReport> {
    return beginWait(options) ?? this.#whileServing('reload', () => this.#crew.changes.reload().wait(this, options));
  }

  /**
   * Changes how many workers there are. New ones are started; the last places go first, and their
   * workers drain. Places that stayed empty are tried again. Resolves when the new ones serve. Of
   * several calls at once, the last number counts. A cancel ends the wait, and not the change.
   * @param count an integer >= 1
   * @throws ServeError when a new worker failed: those at the places before it stay; TypeError or
   * RangeError for a wrong number; InvalidStateError when the supervisor is closed or not started; CancelledError
   *
   * @example
   * ```ts no-run
   * import { serveWorkers } from 'maitre/workers';
   * await using supervisor = await serveWorkers('app.js', { port: 8002, workers: 2 });
   * await supervisor.scale(supervisor.size + 1);
   * ```
   */
  scale(count: number, options?: WaitOptions): Promise<void> {
    return waiting(this.#scale(count, options));
  }

  async #scale(count: number, options: WaitOptions | undefined): Promise<void> {
    checkCount('scale', count);
    const refused = beginWait(options);
    if (refused !== undefined) return refused;
    const scaled = await this.#whileServing(
      'scale',
      () => new OutcomeWait('supervisor.scale', this.#crew.changes.scale(count), options, this).promise,
    );
    if (scaled !== undefined) throw this.#startError('scale', scaled);
    if (this.closed) throw new InvalidStateError(`Cannot scale ${this.label}: it is closed`);
  }

  #whileServing<T>(action: string, ask: () => Promise<T>): Promise<T> {
    const { state } = this.#crew;
    if (state === 'serving') return ask();
    const is = state === 'starting' ? 'not started' : 'closed';
    return Promise.reject(new InvalidStateError(`Cannot ${action} ${this.label}: it is ${is}`));
  }

  /** Lets each worker print what its clients and tasks wait for, to standard error. @internal */
  dump(): void {
    for (const member of this.#crew.members) member.post(DUMP_CHANNEL, undefined);
  }

  /**
   * Serves until its task is cancelled or the supervisor is closed. Either way it rejects with
   * CancelledError. When its task is cancelled, it first runs `shutdown`.
   * @throws InvalidStateError when the supervisor is closed, or another call is running; CancelledError
   */
  serveForever(options?: WaitOptions): Promise<never> {
    return waiting(this.#serveForever(options));
  }

  async #serveForever(options: WaitOptions | undefined): Promise<never> {
    if (this.closed) throw new InvalidStateError(`Cannot serve with ${this.label}: it is closed`);
    if (this.#forever !== undefined) {
      throw new InvalidStateError(`Cannot serve with ${this.label}: serveForever() is running already`);
    }
    const forever = new Future<never>();
    this.#forever = forever;
    try {
      const refused = beginWait(options);
      if (refused !== undefined) return await refused;
      return await new OutcomeWait<never>('supervisor.serveForever', forever, options, this).promise;
    } catch (error) {
      // Someone else ended it, and waits for its end.
      if (error instanceof CancelledError && error.reason.by !== this) await this.shutdown();
      throw error;
    } finally {
      this.#forever = undefined;
    }
  }

  /**
   * Ends all workers at the same time, in bounded time. It stops accepting clients. Each worker has
   * `grace` milliseconds for its clients, then two seconds to cancel and abort what is left, and is
   * killed three seconds later. Defaults to the `grace` of serveWorkers, or to what is left of that of
   * run(). A second call can make the grace shorter. Cancellable: a cancelled shutdown kills all
   * workers at once.
   * @returns how the workers and their connections ended
   * @throws RangeError or TypeError for wrong options; CancelledError
   *
   * @example
   * ```ts no-run
   * import { serveWorkers } from 'maitre/workers';
   * const supervisor = await serveWorkers('app.js', { port: 8002 });
   * console.log(await supervisor.shutdown({ grace: 1000 }));
   * ```
   */
  shutdown(options: SupervisorShutdownOptions = {}): Promise<SupervisorReport> {
    return waiting(this.#shutdown(options));
  }

  async #shutdown(options: SupervisorShutdownOptions): Promise<SupervisorReport> {
    checkOptions('shut down', options, SHUTDOWN);
    const refused = beginWait(options);
    this.#crew.end(options.grace ?? defaultGrace(this.#crew.grace));
    this.#forever?.cancelFor('Cancelled: the supervisor was shut down', { kind: 'shutdown', by: this });
    try {
      if (refused !== undefined) await refused;
      await new OutcomeWait('supervisor.shutdown', this.#ended, options, this).promise;
    } catch (error) {
      this.#crew.kill();
      await this.#untilEnded();
      throw error;
    }
    return reportOf(this.#crew.departed);
  }

  /** Runs shutdown() with the default grace. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  /** Waits for the end, however often the caller is cancelled meanwhile: all were killed. */
  #untilEnded(): Promise<void> {
    if (this.#ended.done()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#ended.subscribe({ settled: () => resolve() });
    });
  }

  // ---- events --------------------------------------------------------------------------------------------------

  #startError(action: string, { failure, cause }: StartFailure): ServeError {
    const { step, message, detail } = failure;
    // A worker that could not load the file says so in the same words.
    const what = /^cannot \w+ /.test(message) ? message : `cannot ${action} ${this.#parts.file}: ${message}`;
    return new ServeError(step, what, { detail, cause });
  }

  #emit(event: WorkersEvent): void {
    if (event.event === 'worker' && event.state === 'gone') this.#switchboard.gone(event.worker);
    const { onEvent } = this.#parts;
    try {
      // Before it has served, `serveWorkers` rejects with what is wrong.
      if (onEvent !== undefined) onEvent(event);
      else if (this.#hasServed) reportEvent(event);
    } catch (error) {
      reportException({ message: `onEvent of ${this.label} failed`, error });
    }
  }
}
