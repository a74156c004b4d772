// The jobs that wait for a worker, in order. One that was taken back from a worker comes before all
// others, since it had left the queue before them; several come in the order of their calls.
import type { Job } from './job.ts';

export class JobQueue implements Iterable<Job> {
  #returned = new Set<Job>();
  readonly #jobs = new Set<Job>();

  get size(): number {
    return this.#returned.size + this.#jobs.size;
  }

  add(job: Job): void {
    this.#jobs.add(job);
  }

  putBack(job: Job): void {
    this.#returned = new Set([...this.#returned, job].sort((a, b) => a.number - b.number)); // a few at most
  }

  /** The first job, which stays. */
  get first(): Job | undefined {
    for (const job of this.#returned) return job;
    for (const job of this.#jobs) return job;
    return undefined;
  }

  /** Removes a job. Returns false if it was not there. */
  delete(job: Job): boolean {
    return this.#returned.delete(job) || this.#jobs.delete(job);
  }

  *[Symbol.iterator](): IterableIterator<Job> {
    yield* this.#returned;
    yield* this.#jobs;
  }
}
