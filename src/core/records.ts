// What instruments, reports and snapshots see of tasks, waits and resources. It is the lowest layer
// of core and imports nothing. Task, Wait and Resource implement these interfaces. Nothing here
// changes anything, except `cancel`.

/** The state of a wait; see wait.ts. */
export type WaitState = 'waiting' | 'answered' | 'failed' | 'cancelled' | 'delivered';

/** How a wait ended: with a value, an error, or a cancellation. */
export type WaitOutcome = 'answered' | 'failed' | 'cancelled';

/** A wait, as instruments and snapshots see it. */
export interface WaitRecord {
  /**
   * Unique in its thread, counting from 1. 0 if no instrument with `waitBegun` was there when it
   * began.
   */
  readonly id: number;
  /** The kind of wait, in words: `sleep`, `read`, `lock.acquire`. */
  readonly kind: string;
  /** What it waits for: a reader, a lock, another task; undefined for a sleep. */
  readonly resource: unknown;
  /** The task that waits; undefined outside of tasks. */
  readonly task: TaskRecord | undefined;
  readonly state: WaitState;
  /**
   * When it began, on the loop's clock, in whole milliseconds. Waits of one turn can share the time
   * of the first.
   */
  readonly since: number;
  /**
   * When it was decided, in milliseconds on the loop's clock. Undefined before that, and if no
   * instrument had `waitAnswered` or `answerTimes` then.
   */
  readonly answeredAt: number | undefined;
  /** Where it began, as a captured stack. Undefined unless it was recorded: see tracing.ts. */
  readonly site: { stack?: string } | undefined;
}

/** A task, as instruments and snapshots see it. */
export interface TaskRecord {
  /** Unique in its thread, counting from 1. */
  readonly id: number;
  readonly name: string;
  /** `Task "load"`, for messages. */
  readonly label: string;
  /** The frame that created it; undefined if the host cannot tell. */
  readonly createdAt: string | undefined;
  /** True if `createdAt` was guessed from the source text of its function, and not recorded. */
  readonly createdAtGuessed: boolean;
  done(): boolean;
  cancelled(): boolean;
  /** The number of cancels that were not taken back. */
  cancelling(): number;
  /** Requests its end. Returns false if it has ended. */
  cancel(message?: string): boolean;
  /** The frames where it waits, innermost first; empty unless tracing is on. */
  stack(): string[];
}

/** Who holds a resource. */
export interface Holder {
  /** Undefined outside of tasks. */
  readonly task: TaskRecord | undefined;
  /** Since when, in milliseconds on the loop's clock. */
  readonly since: number;
}

/** A resource, as instruments and snapshots see it: a lock, a server, a connection. */
export interface ResourceRecord {
  /** Unique in its thread among those of its kind, counting from 1. */
  readonly id: number;
  /** The kind of resource: `lock`, `server`, `connection`. */
  readonly kind: string;
  readonly name: string | undefined;
  /** `lock "db"`, `connection 3 from 127.0.0.1:50412`: for messages. */
  readonly label: string;
  /** The resource to which it belongs: for a connection, its server. */
  readonly parent: ResourceRecord | undefined;
  /** The task that works for it, or for which it works: the handler of a connection. */
  readonly task?: TaskRecord | undefined;
  /** Returns its current figures. */
  statistics(): object;
  /** Returns who holds it, in the order of taking. Absent for what nobody holds. */
  holders?(): Iterable<Holder>;
}

/** A step: the code between two waits, after one delivery or after the start of a task. */
export interface StepRecord {
  readonly task: TaskRecord | undefined;
  /** The wait whose delivery it followed; undefined for the first step of a task. */
  readonly wait: WaitRecord | undefined;
  /** When it began, in milliseconds on the loop's clock. */
  readonly startedAt: number;
  /** How long it took, in milliseconds. */
  readonly ms: number;
  /**
   * False where the host cannot tell when microtasks have run. Then `ms` is the time up to the next
   * turn.
   */
  readonly exact: boolean;
}
