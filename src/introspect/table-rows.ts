// What pictures of a program are made of, besides the rows of a snapshot. Plain data. A table is a
// client, which is an accepted connection with the task of its handler, or, in a program that
// serves no connections, a task.
import type { Ball } from './records.ts';

/** A client: an accepted connection with its handler's task, as `connections` lists it. */
export interface ClientRow {
  readonly id: number;
  readonly peer: string;
  readonly server: string;
  readonly task: number | null;
  readonly name: string;
  /** What the client waits for, in words: `wait in readLine at chat.ts:14`. */
  readonly what: string;
  readonly ball: Ball;
  readonly since: number | null;
  readonly place: number | null;
  readonly openedAt: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Bytes that were written and that the system has not taken yet. */
  readonly unsent: number;
  /** Bytes that came and that the handler has not read. */
  readonly unread: number;
}

/** What stands outside of a server. Null: not known. */
export interface OutsideRow {
  readonly server: string;
  readonly parked: number;
  readonly inLine: number;
  readonly refused: number;
  /** Connections that the system has accepted and the program has not, from /proc/net/tcp. */
  readonly backlog: number | null;
  /** The limit that was reached, such as `maxConnections 120`; null for none. */
  readonly limit: string | null;
  /** When the first of the parked ones came; null or absent if there is none or it is unknown. */
  readonly firstParked?: number | null;
}

// The flags of a table.
export const PARKED = 1;
export const IN_LINE = 2;
export const CANCELLING = 4;

/** What rarely changes about a table, sent when it is seated. */
export interface TableNews {
  /** The id of the connection; of the task where the program serves no connections. */
  readonly id: number;
  readonly task: number | null;
  readonly name: string;
  readonly peer: string;
  /** Null for a task that began before anybody looked. */
  readonly openedAt: number | null;
}

/** A visit that is shown: one of those since the last frame, drawn by lot. */
export interface ShownVisit {
  readonly table: number;
  readonly begin: number;
  /** Microseconds. Null if it was not timed. */
  readonly us: number | null;
  /** The place of the wait that it ended, and of the next one; -1 for unknown. */
  readonly from: number;
  readonly to: number;
}

/** An executor with its jobs. */
export interface KitchenRow {
  readonly executor: string;
  /** The room that it is in. Absent for the program itself. */
  readonly room?: number;
  /** The number of workers that it may have. */
  readonly size: number;
  readonly queued: number;
  /** The number of machines that its workers are on. Absent for those of this process. */
  readonly machines?: number;
  /** The first jobs of the queue, at most 12. */
  readonly next: readonly { readonly job: string; readonly table: number | null }[];
  /** At most 200, those that are busy first. */
  readonly workers: readonly {
    /** Null: the worker is idle. */
    readonly job: string | null;
    readonly table: number | null;
    readonly since: number | null;
    /** The machine that it is on, if that is another one and known: `host:pid`. */
    readonly machine?: string;
    /** Which run of the job this is, where a job may run more than once. */
    readonly attempt?: number;
  }[];
  /** Jobs that are done and that the main thread has not fetched. Null: not known. */
  readonly unfetched: number | null;
}
