// What a check receives.
import type { Executor, ExecutorOptions, Offloaded } from '../index.ts';
import type * as jobs from './jobs.ts';

/** An executor in use by a check. */
export interface Subject {
  readonly executor: Executor;
  /** The address of the module of the jobs. */
  readonly url: URL | string;
  readonly heavy: Offloaded<typeof jobs>;
  /** Whether a job whose worker was lost runs again. */
  readonly atLeastOnce: boolean;
}

/** Makes an executor, runs `fn` with it, and shuts it down. */
export type Use = (options: ExecutorOptions, fn: (subject: Subject) => Promise<void>) => Promise<void>;

/** Checks executors. Throws if something is wrong with them. */
export type Check = (use: Use) => Promise<void>;

/** Collects what a job reports. Waits for it. */
export class Reports {
  readonly all: unknown[] = [];
  /** Pass it as an option of the job. */
  readonly onProgress = (value: unknown): void => void this.all.push(value);

  get text(): string {
    return this.all.join(', ');
  }
}
