// What a recording needs besides the numbers in the ring: names, and what stands still. Plain data.
import type { Place } from './records.ts';

/** A task, live or ended. */
export interface NotedTask {
  readonly id: number;
  /** Absent for `Task-N`. */
  readonly name?: string;
  /** The task for which it works: it is in its group, or was created and is awaited by it. */
  readonly owner?: number;
  /** What it waits for; only for a live one. */
  readonly waits?: readonly NotedWait[];
}

/** A wait that was not delivered when the notes were made. */
export interface NotedWait {
  /** Its id in the ring; 0 if it began before the recorder. */
  readonly id: number;
  readonly kind: string;
  /** An index into `resources`. */
  readonly resource?: number;
  readonly since: number;
  readonly answeredAt?: number;
  /** An index into `places`. */
  readonly place?: number;
}

/** A resource, live or ended. */
export interface NotedResource {
  readonly kind: string;
  readonly id: number;
  readonly label: string;
  /** Of an accepted connection: `127.0.0.1:50412`. */
  readonly peer?: string;
  /** Of a connection: the task of its handler. */
  readonly task?: number;
}

/** Names for what a ring has. */
export interface RecordingNotes {
  /** When they were made, on the clock of the loop. */
  readonly at: number;
  /** The kinds by their numbers in the ring; the first is empty. */
  readonly waitKinds: readonly string[];
  readonly resourceKinds: readonly string[];
  readonly places: readonly Place[];
  readonly tasks: readonly NotedTask[];
  readonly resources: readonly NotedResource[];
}
