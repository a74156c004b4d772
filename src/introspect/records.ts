// What viewers see of a process: plain data, made by snapshot.ts and the recorder, sent as JSON.
// Nothing here refers to a live object.
//
// - Times called `since`, `begin` or `now` are milliseconds on the clock of the loop of the
//   process. `epoch` of the process turns them into wall time. Durations are milliseconds.
// - A place is an index into `places` of the same message, or of the whole stream of a
//   subscription.
// - What is not known is null, never 0. What was inferred says so.

/**
 * Who has the ball while a task waits: the peer that has to send (`read`) or to take (`drain`), an
 * executor (`kitchen`), another task (`other`), time (`clock`), or something that is not maitre's
 * (`unseen`: the task lives and has no wait).
 */
export type Ball = 'read' | 'drain' | 'kitchen' | 'other' | 'clock' | 'unseen';

/** All balls. Their index is what frames send. */
export const BALLS: readonly Ball[] = ['read', 'drain', 'kitchen', 'other', 'clock', 'unseen'];

/** A line of the program. */
export interface Place {
  /** A path or URL as the stack shows it, mapped to the source where the runtime maps it. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The function; undefined at top level. */
  readonly function?: string;
  /** `chat.ts:14`, for people. */
  readonly text: string;
}

/** A wait of a task. */
export interface WaitRow {
  /** `readLine`, `drain`, `lock.acquire`, `sleep`: as core names it. */
  readonly kind: string;
  readonly ball: Ball;
  /** The key of the resource; undefined if it has none, such as a sleep. */
  readonly resource?: string;
  /** The tasks that are waited for: one for `await task`, several for a group, `gather` or `wait`. */
  readonly tasks?: readonly number[];
  readonly since: number;
  /** True if it was answered and its task has not gone on yet. */
  readonly answered?: true;
  /** When it was answered, where the recorder runs. */
  readonly answeredAt?: number;
  /** Null: the place is unknown. */
  readonly place: number | null;
  /** True if the place is that of other waits of the same function, and not recorded for this one. */
  readonly guessed?: true;
  /** The functions of the program between this place and its task, innermost first, if known. */
  readonly outer?: readonly number[];
}

/** A task that is not done. */
export interface TaskRow {
  readonly id: number;
  readonly name: string;
  /**
   * `running`: its code runs at this moment, which only a blocked process shows. `unseen`: it has
   * begun and has no wait of maitre.
   */
  readonly state: 'waiting' | 'unseen' | 'running';
  /** The task that created it; null if none or unknown. */
  readonly creator: number | null;
  /** The tasks that await it, through gathers, shields and groups too. */
  readonly awaitedBy: readonly number[];
  readonly createdAt: number | null;
  readonly createdAtGuessed?: true;
  /** When it was created; null if that was before the inspector started. */
  readonly startedAt: number | null;
  /** Deliveries since the inspector counts; null while nobody counts. */
  readonly steps: number | null;
  /** Cancels that were not taken back. */
  readonly cancelling: number;
  /** The key of the connection or job that it serves. */
  readonly serves?: string;
  readonly waits: readonly WaitRow[];
}

/** A live resource. */
export interface ResourceRow {
  /** `lock:3`: unique in its thread. */
  readonly key: string;
  readonly kind: string;
  readonly id: number;
  readonly name?: string;
  /** `lock "db"`, `connection 3 from 127.0.0.1:50412`. */
  readonly label: string;
  readonly parent?: string;
  /** Its figures, with tasks and other objects replaced by their labels. */
  readonly statistics: Readonly<Record<string, unknown>>;
  /** Who holds it, since when. `task` is null outside of tasks. */
  readonly holders?: readonly { readonly task: number | null; readonly since: number | null }[];
  /** The task that works for it, the handler of a connection; for a job, the task that called it. */
  readonly task?: number;
  /** When it was opened, if it says so. */
  readonly openedAt?: number;
}

/** The process and its loop. */
export interface ProcessRow {
  readonly pid: number;
  /** `Node.js 24.11.1`. */
  readonly runtime: string;
  /** The program's file; empty if there is none. */
  readonly file: string;
  /** Added to a time of the loop, it gives milliseconds since 1970. */
  readonly epoch: number;
  readonly uptime: number;
  /** Bytes; null where the runtime does not tell. */
  readonly rss: number | null;
  readonly heapUsed: number | null;
}

/** The loop of the process, over the last second. */
export interface LoopRow {
  /** The share of time that it was busy, 0 to 1; null if unknown. */
  readonly busy: number | null;
  /** How late it was, in milliseconds; null if unknown. */
  readonly lag: { readonly p50: number; readonly p99: number } | null;
}

/** A block: one step that kept the loop for longer than `blockAfter`. */
export interface BlockRow {
  readonly id: number;
  readonly since: number;
  /** How long it lasted, or has lasted so far. */
  readonly ms: number;
  readonly over: boolean;
  /** The thread; 0 is the main one, and that of a room. */
  readonly thread: number;
  /** The room: the worker whose loop it held. Absent for the program itself. */
  readonly room?: number;
  readonly task: number | null;
  readonly name: string | null;
  readonly peer: string | null;
  /** True where the runtime cannot look into the running code: the task is the last one resumed. */
  readonly inferred?: true;
  /** The guilty function's frame; null if no stack could be taken, and `why` says why. */
  readonly place: Place | null;
  readonly stack: readonly string[];
  readonly why?: string;
  /**
   * For how many of these milliseconds the loop was ready to run and the system ran other programs.
   * Absent where that is unknown, or less than half.
   */
  readonly starved?: number;
  /** True if it was meant: allowBlocking(). No report is made of it. */
  readonly allowed?: true;
  /** How many clients had sent bytes that nobody read meanwhile; null if unknown. */
  readonly waiting: number | null;
  /** The copy of the recorder's ring that was kept, for `record { frozen }`. Absent without one. */
  readonly frozen?: number;
}

/** A task or connection that has ended. */
export interface EndedRow {
  readonly what: 'task' | 'connection';
  readonly id: number;
  readonly name: string;
  readonly at: number;
  /** How long it lived; null if it began before the inspector. */
  readonly ms: number | null;
  readonly how: 'returned' | 'threw' | 'cancelled' | 'lost';
  /** The message of the error, or who cancelled and why. */
  readonly why?: string;
  readonly bytesRead?: number;
  readonly bytesWritten?: number;
}

/** Something that needs attention, in words. */
export interface WarningRow {
  /** `lock-convoy`, `never-yields`: stable, for tools. */
  readonly code: string;
  /** What is wrong, in one sentence. */
  readonly sentence: string;
  /** What was measured. */
  readonly evidence: string;
  /** What to do about it. */
  readonly remedy: string;
  readonly since: number;
}

/** Everything that lives at one moment. */
export interface Snapshot {
  readonly version: 1;
  readonly now: number;
  readonly process: ProcessRow;
  readonly loop: LoopRow;
  /** The task whose code runs, in a blocked process; null otherwise. */
  readonly current: number | null;
  readonly tasks: readonly TaskRow[];
  readonly resources: readonly ResourceRow[];
  readonly places: readonly Place[];
  /**
   * How long 99 of 100 waits of a kind last at most, in milliseconds. Only kinds of which enough
   * have ended; undefined while nobody counts.
   */
  readonly usual?: Readonly<Record<string, number>>;
  /** How many tasks and resources live and are not among the rows, because there is a bound. */
  readonly omitted: { readonly tasks: number; readonly resources: number };
}

/** Identical waits, joined. Each client or task is in exactly one group. */
export interface Group {
  /**
   * Default: clients, which stand first. A task that works for a client is not counted beside it.
   */
  readonly of?: 'clients' | 'tasks';
  readonly ball: Ball;
  /** Its words, without the number: `wait in readLine at chat.ts:14`. */
  readonly what: string;
  readonly kind: string;
  readonly resource?: string;
  readonly place: number | null;
  readonly count: number;
  /** The shortest and the longest wait so far; null if unknown. */
  readonly shortest: number | null;
  readonly longest: number | null;
  /** The client or task that waits longest. */
  readonly example: string;
  /** In the last group, if there are too many: the number of groups that were joined in it. */
  readonly joined?: number;
}

/** A circle of tasks and what they wait for, in which nobody can go on. */
export interface Cycle {
  readonly tasks: readonly number[];
  readonly sentence: string;
}
