// A recording: what a loop did in a span of time, read from the recorder's ring. Plain data.
import type { Ball, BlockRow, Place, ProcessRow, ResourceRow } from './records.ts';

/** What a table waited for: before a visit, after it, or at the start of a recording. */
export interface RecordedWait {
  readonly kind: string;
  readonly ball: Ball;
  readonly since: number;
  /** An index into `places`; null if unknown. */
  readonly place: number | null;
  /** An index into `resources`; null for none. */
  readonly resource: number | null;
  /**
   * When what it waited for was there. Undefined: not yet, or unknown. For bytes from a peer it is
   * when the loop learned of them, and `readyAfter` says since when they may have been there.
   */
  readonly ready?: number;
  /** The loop's last poll before `ready`: the bytes came at some time between the two. */
  readonly readyAfter?: number;
  /** Who held the resource when the wait began: an index into `tables`. Undefined: nobody, or unknown. */
  readonly holder?: number;
}

/** One visit of the waiter to a table: a step, the code between two waits. */
export interface Visit {
  readonly begin: number;
  /** How long it took, in milliseconds with fractions. */
  readonly ms: number;
  /** False if its end was not measured but taken as the begin of the next one, or the turn's end. */
  readonly exact: boolean;
  /** The table: an index into `tables`. */
  readonly table: number;
  readonly task: number;
  /** The turn of the loop, counted from 1 in this recording. */
  readonly turn: number;
  /** Null for the first step of a task. */
  readonly from: RecordedWait | null;
  /** Null if it ended, or stopped at a promise that is not maitre's. */
  readonly to: RecordedWait | null;
  /** True if the task has ended in this visit. */
  readonly ended: boolean;
  /**
   * The bytes that came and that were written since the last visit of which it is known, for the
   * handler of a client at full detail. Absent where that is not known, or nothing.
   */
  readonly bytes?: readonly [read: number, written: number];
}

/** A table of a recording: a client, or a task that serves none. */
export interface RecordedTable {
  /** The id of the connection, or of the task. */
  readonly id: number;
  readonly what: 'client' | 'task';
  readonly name: string;
  /** `127.0.0.1:50412`; empty for a task. */
  readonly peer: string;
  /** What it waited for when the recording begins; null if it was not there, or not known. */
  readonly start: RecordedWait | null;
}

/** A job of an executor, as far as it lies in the recording. */
export interface RecordedJob {
  readonly name: string;
  /** The executor: an index into `resources`. */
  readonly executor: number;
  /** The worker, counted from 0 in its executor; null while it is queued. */
  readonly worker: number | null;
  /** An index into `tables`; null if no table called it. */
  readonly table: number | null;
  readonly queued: number | null;
  readonly started: number | null;
  readonly ended: number | null;
}

/** A frozen piece of the recorder's ring. All times are whole microseconds. */
export interface Recording {
  readonly version: 1;
  readonly process: ProcessRow;
  readonly reason: 'request' | 'block' | 'error' | 'warning';
  readonly from: number;
  readonly to: number;
  /** True if every step was measured alone; false if one in 64 was. */
  readonly full: boolean;
  /** Events of the asked span that the ring had overwritten; 0 for none. */
  readonly lost: number;
  readonly tables: readonly RecordedTable[];
  readonly places: readonly Place[];
  readonly resources: readonly Pick<ResourceRow, 'key' | 'kind' | 'label'>[];
  readonly visits: readonly Visit[];
  readonly jobs: readonly RecordedJob[];
  /** When turns of the loop began. */
  readonly turns: readonly number[];
  readonly blocks: readonly BlockRow[];
  /** Lines of the files of the places, by file: line number and text. */
  readonly source: Readonly<Record<string, readonly (readonly [line: number, text: string])[]>>;
}

/** A client or task, by name, and its milliseconds. */
export interface BillShare {
  readonly name: string;
  readonly ms: number;
}

/** Where the time of one client went. The lines add up to `wall`. */
export interface Bill {
  readonly client: string;
  readonly from: number;
  readonly wall: number;
  /** True if every step was measured; false if the part that was not is estimated from one in 64. */
  readonly full: boolean;
  readonly lines: readonly BillLine[];
}

export interface BillLine {
  /**
   * `own` code; waiting for the `peer`; in the `kitchen`; for a `lock` or queue; `asleep`; `ready`
   * while the loop was elsewhere; `foreign`: waiting for a promise that is not maitre's; `other`: for
   * other tasks; `unknown`.
   */
  readonly what: 'own' | 'peer' | 'kitchen' | 'lock' | 'asleep' | 'ready' | 'foreign' | 'other' | 'unknown';
  readonly ms: number;
  /** Who held the lock, or who had the loop: names with milliseconds, the longest first. */
  readonly who?: readonly BillShare[];
  /**
   * Of the `peer`: for how long of that its bytes may have been there already, because the loop was
   * elsewhere and did not look, and who had the loop. Undefined for none.
   */
  readonly maybeReady?: { readonly ms: number; readonly who: readonly BillShare[] };
}
