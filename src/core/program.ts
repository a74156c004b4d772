// A program: what one run() has started, and how it is ended. run.ts is its frame.
//
// States: RUNNING --beginEnd--> ENDING --all has ended, or the time is over--> OVER. ENDING begins
// when main has ended or with the first signal. From then on everything takes bounded time:
//
//   beginEnd ........ grace ........ endsBy ........ FORCE ........ the end
//   servers shut down, tasks are    what has not ended is    what still lives is
//   cancelled and awaited, then     aborted, tasks are       reported and left
//   other resources are closed      cancelled once more
//
// - The tasks of a program have it as `program`. A task inherits it from the task, callback or
//   server that started it. The resources of a program are those that such code opened.
// - Once the loop has run empty (`#stuck`), the end waits for no deadline. Each step of the end is
//   over when the loop runs empty again.
import { loopTime } from './clock.ts';
import { TimeoutError } from './errors.ts';
import { reportException } from './exception-handler.ts';
import { Future } from './future.ts';
import { host } from './host.ts';
import { Resource } from './resource.ts';
import { type Carried, programOf } from './scope.ts';
import { liveTasks, type Task, waitsOf } from './task.ts';
import { withoutStack } from './tracing.ts';
import { untilDone } from './wait-for-many.ts';

/** Milliseconds, after the grace, for what was forced to end. */
const FORCE = 2500;

/** One run(): the owner of its tasks and resources, and the bounds of its end. */
export class Program implements Carried {
  // What the host's carrier holds for code outside of any task; see scope.ts.
  readonly task: undefined = undefined;
  readonly outer: undefined = undefined;
  readonly isOpen = false;
  readonly program: this = this;

  /** Milliseconds. */
  readonly #grace: number;
  /** When the grace is over, in milliseconds on the loop's clock; Infinity while RUNNING. */
  #endsBy: number = Infinity;
  /** Done once ENDING. */
  readonly begun: Future<void> = new Future<void>();
  /** The loop has run empty: waiting would only pass time. */
  #stuck = false;
  /** Done when the loop runs empty the next time. A new one replaces it then. */
  #idle = new Future<void>();

  constructor(grace: number) {
    this.#grace = grace;
  }

  /** True from the first call of `beginEnd()`. */
  get ending(): boolean {
    return this.#endsBy !== Infinity;
  }

  /** Returns what is left of the grace, in milliseconds; `otherwise` while RUNNING. */
  graceLeft(otherwise: number): number {
    return this.ending ? Math.max(0, this.#endsBy - loopTime()) : otherwise;
  }

  /** Begins the end. The grace counts from the first call; later calls do nothing. */
  beginEnd(): void {
    if (this.ending) return;
    this.#endsBy = loopTime() + this.#grace;
    this.begun.answer();
  }

  /** Called when the loop has run empty: ends the step of the end that waits. */
  ranEmpty(): void {
    this.#stuck = true;
    const idle = this.#idle;
    this.#idle = new Future();
    idle.answer();
    host.nextTurn(() => undefined); // without a new turn, the host would not report the empty loop again
  }

  /** Returns its live tasks. */
  tasks(): Task<unknown>[] {
    return [...liveTasks()].filter((task) => task.program === this);
  }

  /**
   * Returns what it has opened and not closed, the latest first. Leaves out what belongs to another
   * of these, such as a connection to its server.
   */
  resources(): Resource[] {
    // `endWithin` is absent for locks and the like, which have no end.
    const own = [...Resource.live].filter((each) => each.program === this && each.endWithin !== undefined);
    return own.filter((each) => each.parent === undefined || !own.includes(each.parent)).toReversed();
  }

  /** Waits until the cancelled main has ended or the time is over. */
  async untilDone(main: Task<unknown>): Promise<void> {
    await this.#until([main], FORCE);
  }

  /**
   * Ends everything that is left. What has not ended in time is reported and left. Returns true if
   * everything has ended.
   */
  async end(): Promise<boolean> {
    this.beginEnd();
    const left = this.resources();
    reportLeftOpen(left.filter((each) => !each.ending));
    // The order matters. Servers come first: they accept no more clients, and let the tasks of
    // their handlers end in peace. Tasks come next: their cleanup may still use connections and
    // files. Everything else comes last.
    await this.#endResources(left.filter(({ kind }) => kind === 'server'));
    await this.#endTasks();
    await this.#endResources(this.resources());
    // A resource whose end has begun ends in bounded time of its own: a close that lingers until
    // the peer has read everything.
    const living = [...this.tasks(), ...this.resources().filter((each) => !each.ending)];
    if (living.length > 0) reportLiving(living);
    return living.length === 0;
  }

  /**
   * Cancels the tasks and waits for them, once within the grace and once within FORCE after it.
   * What survives a round loses its resources, which fails the waits at them.
   */
  async #endTasks(): Promise<void> {
    for (const spare of [0, FORCE]) {
      // A loop, because a cleanup can start tasks of its own.
      for (let left = this.tasks(); left.length > 0; left = this.tasks()) {
        for (const task of left) task.cancelFor('Cancelled: run() is ending', { kind: 'shutdown' });
        if (!(await this.#until(left, spare))) break;
      }
      if (this.tasks().length > 0) for (const each of this.resources()) each.endNow?.();
    }
  }

  /**
   * Ends resources together: each by itself within the grace (`endWithin`), then by force
   * (`endNow`).
   */
  async #endResources(resources: readonly Resource[]): Promise<void> {
    const ends = resources.map((resource) => {
      const ended = new Future<void>();
      const failed = (error: unknown): void => {
        reportException({ message: `${resource.label} failed to end with run()`, error });
        ended.answer();
      };
      const end = async (): Promise<unknown> => resource.endWithin?.(this.graceLeft(0));
      end().then(() => ended.answer(), failed);
      return ended;
    });
    // After its grace, a server takes up to two seconds for steps of its own, here or in workers.
    await this.#until(ends, resources.some(({ kind }) => kind === 'server' || kind === 'supervisor') ? FORCE : 0);
    for (const [i, resource] of resources.entries()) if (ends[i]?.done() === false) resource.endNow?.();
    await this.#until(ends, FORCE);
  }

  /**
   * Waits until all are done, at least for a turn. Returns false if the grace and `spare`
   * milliseconds were over before that, or if the loop has run empty.
   */
  async #until(awaited: readonly (Task<unknown> | Future<void>)[], spare: number): Promise<boolean> {
    const idle = this.#idle;
    for (let left = awaited; ;) {
      left = left.filter((each) => !each.done());
      if (left.length === 0) return true;
      const timeout = this.#stuck ? undefined : Math.max(0, this.#endsBy + spare - loopTime());
      await untilDone([...left, idle], 'FIRST_COMPLETED', timeout, 'run', undefined, false);
      if (idle.done() || timeout === 0) return left.every((each) => each.done());
    }
  }
}

/** Returns the run() to which the running code belongs; undefined for none. */
export function currentProgram(): object | undefined {
  return programOf(host.carrier.getStore());
}

/**
 * Returns how many milliseconds a graceful end takes by default: what is left of the grace of the
 * run() around the caller, or else `otherwise`.
 */
export function defaultGrace(otherwise: number): number {
  const program = currentProgram();
  return program instanceof Program ? program.graceLeft(otherwise) : otherwise;
}

/**
 * Describes a task: what it waits for, and how those resources describe themselves. A lock names
 * its holder.
 */
export function describeTask(task: Task<unknown>): string {
  const resources = waitsOf(task).flatMap(({ resource }) => {
    const text = resource instanceof Object ? String(resource) : '';
    return text === '' || text.startsWith('[object ') ? [] : [`        ${text}`];
  });
  return [`    ${task}`, ...new Set(resources)].join('\n');
}

/** Reports resources that main did not close, with the fix. They are closed all the same. */
function reportLeftOpen(left: readonly Resource[]): void {
  if (left.length === 0) return;
  const error = withoutStack(
    () =>
      new Error('Close what you open: `await using server = await startServer(...)`, or close() before main returns'),
  );
  reportException({ message: `run() ended; it had left open: ${left.map(({ label }) => label).join(', ')}`, error });
}

/** Reports tasks and resources that outlived the end, with what they wait for. */
function reportLiving(living: readonly (Task<unknown> | Resource)[]): void {
  const names = living.map((each) => (each instanceof Resource ? `    ${each.label}` : describeTask(each)));
  const error = withoutStack(() => new TimeoutError(`These have not ended in time:\n${names.join('\n')}`));
  reportException({ message: 'run() has ended without all that it started', error });
}
