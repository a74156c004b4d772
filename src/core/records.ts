// What is seen of tasks, waits and resources: the lowest floor of core, which imports nothing. Instruments, reports and
// snapshots get these; Task, Wait and Resource implement them. Nothing here changes anything but `cancel`.

/** How a wait stands: see wait.ts. */
export type WaitState = 'waiting' | 'answered' | 'failed' | 'cancelled' | 'delivered';

/** How a wait ended: with a value, an error, or a cancellation. */
export type WaitOutcome = 'answered' | 'failed' | 'cancelled';

/** A wait as others see it. */
export interface WaitRecord {
  /** What kind of wait it is, in words: `sleep`, `read`, `lock.acquire`. */
  readonly kind: string;
  /** What it waits for: a reader, a lock, another task; undefined for a sleep. */
  readonly resource: unknown;
  /** The task that waits; undefined outside of tasks. */
  readonly task: TaskRecord | undefined;
  readonly state: WaitState;
  /** When it began, on the loop's clock, in whole milliseconds; waits of one turn may share the time of the first. */
  readonly since: number;
  /** When it was decided, on the loop's clock, in milliseconds. Undefined before, and when no instrument was installed then. */
  readonly answeredAt: number | undefined;
  /** Where it began: an error made there. Undefined unless tracing was on. */
  readonly site: { stack?: string } | undefined;
}

/** A task as others see it. */
export interface TaskRecord {
  /** Unique in its thread, counting from 1. */
  readonly id: number;
  readonly name: string;
  /** `Task "load"`, for messages. */
  readonly label: string;
  /** Where it was created, one frame; undefined if the host cannot tell. */
  readonly createdAt: string | undefined;
  /** True when `createdAt` is what its function's text suggests, and was not recorded. */
  readonly createdAtGuessed: boolean;
  done(): boolean;
  cancelled(): boolean;
  /** How many cancels were requested and not taken back. */
  cancelling(): number;
  /** Asks it to end. False when it has. */
  cancel(message?: string): boolean;
  /** Where it waits, innermost first; empty unless tracing is on. */
  stack(): string[];
}

/** A resource as others see it: a lock, a server, a connection. */
export interface ResourceRecord {
  /** Unique in its thread among those of its kind, counting from 1. */
  readonly id: number;
  /** What kind of thing it is: `lock`, `server`, `connection`. */
  readonly kind: string;
  readonly name: string | undefined;
  /** `lock "db"`, `connection 3 from 127.0.0.1:50412`: for messages. */
  readonly label: string;
  /** What it belongs to: a connection's server. */
  readonly parent: ResourceRecord | undefined;
  /** Its figures now. */
  statistics(): object;
}

/** What followed from one delivery, or from a task's start: the code between two waits. */
export interface StepRecord {
  readonly task: TaskRecord | undefined;
  /** The wait whose delivery it followed; undefined for a task's first step. */
  readonly wait: WaitRecord | undefined;
  /** When it began, on the loop's clock, milliseconds. */
  readonly startedAt: number;
  /** How long it took, milliseconds. */
  readonly ms: number;
  /** False where the host cannot tell when microtasks have run: then the time is up to the next turn. */
  readonly exact: boolean;
}
