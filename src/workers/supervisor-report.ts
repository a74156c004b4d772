// What a supervisor says of its workers, and of their end.
import type { ShutdownReport } from '../net/index.ts';
import type { Departed } from './crew.ts';
import type { MemberState } from './member.ts';
import type { WorkerName, WorkerOutcome } from './workers-events.ts';

/** A worker, as `supervisor.workers` lists it. */
export interface WorkerRow {
  /** Its number: from 1, never used again. */
  readonly id: number;
  /** Where it stands: 1 up to the number of workers. */
  readonly place: number;
  /** The number of the reload that began before it: 1 for those that were started first. */
  readonly generation: number;
  /** Its pid, or `pid:thread`. */
  readonly process: string;
  /** `ending`: it was killed, and is not gone yet. */
  readonly state: Exclude<MemberState, 'gone'>;
  /** How many clients it has. */
  readonly connections: number;
  /** Bytes, as it said last: heap and external memory of a thread, resident memory of a process. */
  readonly memory: number;
  /** When its state began, milliseconds of `loopTime()`. */
  readonly since: number;
}

/** What `supervisor.statistics()` returns. */
export interface SupervisorStatistics {
  /** How many workers there should be. */
  readonly wanted: number;
  /** How many serve. */
  readonly ready: number;
  readonly starting: number;
  readonly draining: number;
  /** Places that stay empty, because their workers crashed too often. */
  readonly down: number;
  /** Clients of all workers. */
  readonly connections: number;
  /** The number of the last reload; 1 before the first. */
  readonly generation: number;
  /**
   * Workers that were started so far, and those that did not end in good order. One that was stopped
   * before it was ready, as by a newer save, is none of them.
   */
  readonly started: number;
  readonly lost: number;
}

/** How a worker ended. */
export interface WorkerEnd extends WorkerName {
  readonly outcome: WorkerOutcome;
  /** Why, unless it was told to end and did. */
  readonly reason: string | undefined;
  /** How its connections ended; undefined if it did not say. */
  readonly report: ShutdownReport | undefined;
  /** How many clients ended with it, unasked. */
  readonly lost: number;
}

/** How all workers ended: the sums of their reports. */
export interface SupervisorReport extends ShutdownReport {
  /** Clients that ended with a worker that crashed or was killed. */
  readonly lost: number;
  /** Each worker that was there when the shutdown began, in the order in which they ended. */
  readonly workers: readonly WorkerEnd[];
}

/** Sums up how workers ended. */
export function reportOf(departed: readonly Departed[]): SupervisorReport {
  const sum = (count: (each: Departed) => number): number => departed.reduce((total, each) => total + count(each), 0);
  return {
    finished: sum(({ report }) => report?.finished ?? 0),
    cancelled: sum(({ report }) => report?.cancelled ?? 0),
    aborted: sum(({ report }) => report?.aborted ?? 0),
    lost: sum(({ clients }) => clients),
    workers: departed.map(({ member: { id, place, generation }, outcome, error, report, clients }) => ({
      worker: id,
      place,
      generation,
      outcome,
      reason: error?.message,
      report,
      lost: clients,
    })),
  };
}
