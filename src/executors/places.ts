// The places of a pool: starts workers, passes jobs to them, and ends them.
//
// - Jobs leave the queue in order: to an idle worker, or, when there are as many as there may be,
//   as offers to busy ones (see place.ts).
// - The idle worker that was last used is used first: it is the fastest.
// - A worker that ends before it was ready counts as a failed start. The next start is delayed,
//   twice as long each time.
// - Idle workers do not keep the process alive.
import { callLater, type Handle } from '../core/index.ts';
import type { Job } from './job.ts';
import type { JobQueue } from './job-queue.ts';
import { Place } from './place.ts';
import type { FromWorker } from './protocol.ts';
import { SLOTS } from './shared-words.ts';
import type { LeafEvents, WorkerLeaf } from './worker-leaf.ts';

/** Milliseconds between a failed start and the next one: the first delay, and the longest. */
const BACK_OFF = 10;
const LONGEST_BACK_OFF = 5000;

/** The executor, as its places see it. */
interface PlacesOwner {
  start(events: LeafEvents): WorkerLeaf;
  onMessage(place: Place, message: FromWorker): void;
  /** Called when a worker has exited, with its jobs still there. */
  onExit(place: Place, how: string, cause: unknown): void;
  /** Called with a job whose arguments cannot be cloned. */
  onUnsent(job: Job, error: unknown): void;
  /** Called when the number of jobs or workers may have changed. */
  onChange(): void;
}

export class Places {
  readonly #size: number;
  readonly #maxJobs: number | undefined;
  readonly #queue: JobQueue;
  readonly #owner: PlacesOwner;
  /** Every worker that exists, in any state. At most `#size`. */
  readonly #all = new Set<Place>();
  /** The places without a job, the one last used at the end. */
  readonly #idle: Place[] = [];
  /** The places that were sent jobs and not woken since. */
  #toWake: Place[] = [];
  /** The number of failed starts since the last worker became ready. */
  #failedStarts = 0;
  /** The timer until the next start may be tried. Undefined if a start may be tried now. */
  #backOff: Handle | undefined = undefined;

  constructor(size: number, maxJobs: number | undefined, queue: JobQueue, owner: PlacesOwner) {
    this.#size = size;
    this.#maxJobs = maxJobs;
    this.#queue = queue;
    this.#owner = owner;
  }

  get all(): ReadonlySet<Place> {
    return this.#all;
  }

  /** Whether there are as many as there may be. */
  get areAll(): boolean {
    return this.#all.size >= this.#size;
  }

  /** The jobs that run. */
  running(): Job[] {
    return [...this.#all].flatMap(({ job }) => (job === undefined ? [] : [job]));
  }

  /** The jobs that busy workers are offered. */
  offered(): Job[] {
    return [...this.#all].flatMap((place) => place.offered);
  }

  /** The place that has a job, or is offered it. */
  of(job: Job): Place | undefined {
    for (const place of this.#all) if (place.job === job || place.offered.includes(job)) return place;
    return undefined;
  }

  /**
   * Passes jobs to idle workers, and starts workers for the jobs that are left. If there are as many
   * as there may be, offers these jobs to workers that are busy.
   */
  distribute(): void {
    for (;;) {
      const place = this.#idle.at(-1);
      const job = place === undefined ? undefined : this.#nextJob();
      if (place === undefined || job === undefined) break;
      this.#idle.pop();
      this.#give(place, job);
    }
    if (this.#queue.size > 0) {
      let wanted = this.#queue.size;
      for (const { isReady, isEnding } of this.#all) if (!isReady && !isEnding) wanted--;
      for (; wanted > 0 && this.#start(); wanted--);
      if (this.areAll) this.#offer();
    }
    for (const place of this.#toWake) place.leaf.wake();
    this.#toWake = [];
    // From the end: those that were idle before come first.
    for (let i = this.#idle.length; --i >= 0 && this.#idle[i]?.hold(false) === true;);
    this.#owner.onChange();
  }

  /** Called when a worker can take jobs. */
  ready(place: Place): void {
    place.isReady = true;
    this.#failedStarts = 0;
    if (place.isIdle) this.#idle.push(place);
  }

  /** Called when its job has ended. */
  free(place: Place): void {
    place.free();
    if (place.done >= (this.#maxJobs ?? Infinity)) this.terminate(place);
    else if (place.isIdle) this.#idle.push(place);
  }

  /** Puts the jobs that a worker is offered back into the queue, except those that it has taken. */
  takeBack(place: Place): void {
    for (let job = place.takeBack(); job !== undefined; job = place.takeBack()) this.#queue.putBack(job);
  }

  /** Terminates a worker. Its place stays until it has exited. */
  terminate(place: Place): void {
    if (place.isEnding) return;
    this.takeBack(place);
    place.isEnding = true;
    this.#leaveIdle(place);
    place.hold(true); // shutdown() waits for its end
    place.leaf.terminate();
  }

  terminateAll(): void {
    for (const place of this.#all) this.terminate(place);
  }

  /** Delays the next start, longer each time. Returns the number of failed starts in a row. */
  startFailed(): number {
    const ms = Math.min(LONGEST_BACK_OFF, BACK_OFF * 2 ** this.#failedStarts++);
    this.#backOff ??= callLater(ms, () => {
      this.#backOff = undefined;
      this.distribute();
    });
    return this.#failedStarts;
  }

  /** Starts no more workers by itself. */
  close(): void {
    this.#backOff?.cancel();
  }

  /** Takes the first job of the queue, or one that a busy worker was offered and has not begun. */
  #nextJob(): Job | undefined {
    const { first } = this.#queue;
    if (first !== undefined) {
      this.#queue.delete(first);
      return first;
    }
    for (const place of this.#all) {
      const job = place.takeBack();
      if (job !== undefined) return job;
    }
    return undefined;
  }

  /** Offers the first jobs of the queue to busy workers, to each in turn. */
  #offer(): void {
    for (const place of this.#all) if (place.isSlow) this.takeBack(place); // others are faster
    const most = this.#maxJobs === undefined ? SLOTS - 1 : 0; // none that a worker would not live to see
    for (let count = 1; count <= most; count++) {
      for (const place of this.#all) {
        const { first } = this.#queue;
        if (first === undefined) return;
        if (!place.takesOffers(count)) continue;
        try {
          if (!place.offer(first)) continue;
          this.#toWake.push(place);
        } catch (error) {
          this.#owner.onUnsent(first, error);
        }
        this.#queue.delete(first);
      }
    }
  }

  /** Starts a worker. Returns false if there are as many as there may be, or a start has just failed. */
  #start(): boolean {
    if (this.areAll || this.#backOff !== undefined) return false;
    const place: Place = new Place(
      this.#owner.start({
        messages: (batch) => {
          if (!this.#all.has(place)) return; // late ones of a worker that has ended
          for (const message of batch) this.#owner.onMessage(place, message);
          this.distribute();
        },
        exited: (how, cause) => this.#onExit(place, how, cause),
      }),
      this.#freeNumber(),
    );
    place.hold(true); // a job waits for it
    this.#all.add(place);
    return true;
  }

  /** The lowest number that no place has. */
  #freeNumber(): number {
    const taken = new Set([...this.#all].map(({ number }) => number));
    let free = 0;
    while (taken.has(free)) free++;
    return free;
  }

  /** Sends a job to an idle worker. */
  #give(place: Place, job: Job): void {
    try {
      this.#toWake.push(place);
      place.give(job);
      place.hold(true);
    } catch (error) {
      this.#owner.onUnsent(job, error);
      this.free(place);
    }
  }

  #onExit(place: Place, how: string, cause: unknown): void {
    if (!this.#all.delete(place)) return;
    this.#leaveIdle(place);
    this.takeBack(place);
    this.#owner.onExit(place, how, cause);
    this.distribute();
  }

  #leaveIdle(place: Place): void {
    const at = this.#idle.indexOf(place);
    if (at >= 0) this.#idle.splice(at, 1);
  }
}
