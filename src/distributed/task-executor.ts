// TaskExecutor: jobs as tasks of this program, many in one thread: for jobs that mostly wait.
//
// Its places are those of every pool, but a place has no thread. Terminating it frees the place and
// leaves the job behind, whose task was cancelled and did not end: nothing can stop it, so that is
// reported.
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  carryRunning,
  type FromWorker,
  JobServer,
  type LeafEvents,
  PoolExecutor,
  type RunningJob,
  type ToWorker,
  type WorkerLeaf,
  type WorkerPort,
} from '../executors/index.ts';
import { encode } from './wire-value.ts';

/** A value that is encoded already. */
export class Encoded {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = encode(value);
  }
}

const jobs = new AsyncLocalStorage<RunningJob>();

export class TaskExecutor extends PoolExecutor {
  readonly #load: WorkerPort['load'];

  /** @param load finds the module of a job */
  constructor(options: { readonly size: number; readonly cancelGrace?: number | undefined }, load: WorkerPort['load']) {
    super(options);
    carryRunning(() => jobs.getStore());
    this.#load = load;
  }

  /** @internal */
  protected override defaultSize(): number {
    return 1;
  }

  /** @internal */
  protected override startLeaf(events: LeafEvents): WorkerLeaf {
    return new TaskLeaf(events, this.#load);
  }
}

class TaskLeaf implements WorkerLeaf {
  readonly #events: LeafEvents;
  readonly #server: JobServer;
  #cancelled = 0;
  #isEnded = false;

  constructor(events: LeafEvents, load: WorkerPort['load']) {
    this.#events = events;
    this.#server = new JobServer({
      post: (message) => this.#answer(message),
      cancelledJob: () => this.#cancelled,
      take: () => true, // nothing is offered
      load,
      carry: (job, fn) => jobs.run(job, fn),
    });
    queueMicrotask(() => this.#events.messages([{ type: 'ready' }])); // the pool knows it then
  }

  /** Encodes what a job sends, so that it throws where the job still runs. */
  #answer(message: FromWorker): void {
    let sent = message;
    if (message.type === 'result' || message.type === 'progress')
      sent = { type: message.type, id: message.id, value: new Encoded(message.value) };
    else if (message.type === 'items') sent = { ...message, items: message.items.map((each) => new Encoded(each)) };
    if (!this.#isEnded) this.#events.messages([sent]);
  }

  /** Later, because a job that does not wait answers at once, and the pool has not finished with its start. */
  post(message: ToWorker): void {
    queueMicrotask(() => this.#server.receive(message));
  }

  wake(): void {}

  setCancelled(job: number): void {
    this.#cancelled = job;
  }

  offer(): undefined {}

  takeBack(): boolean {
    return false;
  }

  hold(): void {}

  terminate(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    queueMicrotask(() => this.#events.exited('it was left behind', undefined));
  }
}
