// What happens while several workers serve, as data. Every event is plain JSON, as those of one
// process are (serve/serve-events.ts), and no text in an event is escaped.
//
// Order:
// - Each worker has `starting` first and `gone` last. Between them come `ready`, and then `draining`
//   or `hung`; or `failed` in their place.
// - A worker's serve events come between its `ready` and its `gone`, except what it says before it is
//   ready.
// - `down` comes after the `gone` or the `failed` of the last worker that was tried at a place.
// - A reload has `began`, then `done`, `failed` or `skipped`; the events of its workers come between.
import type { ServeEvent } from './serve/serve-events.ts';

/**
 * How a worker ended:
 *
 * - `drained`: it was told to end, and did;
 * - `failed`: it did not become ready;
 * - `crashed`: it threw, exited or was killed by someone else;
 * - `hung`: its loop did not turn for `killTimeout`;
 * - `killed`: it did not end within its grace and the time after it, or was ended before it was ready;
 * - `stuck`: it was killed, and the system did not say that it is gone.
 */
export type WorkerOutcome = 'drained' | 'failed' | 'crashed' | 'hung' | 'killed' | 'stuck';

/** Which worker an event is about. */
export interface WorkerName {
  /** Its number: from 1, never used again. */
  readonly worker: number;
  /** Where it stands: 1 up to the number of workers. The worker that replaces it has the same. */
  readonly place: number;
  /** The number of the reload that began before it: 1 for those that were started first. */
  readonly generation: number;
}

/** A worker changed its state. */
export interface WorkerStateEvent extends WorkerName {
  readonly event: 'worker';
  readonly state: 'starting' | 'ready' | 'draining' | 'gone' | 'failed' | 'hung' | 'down';
  /** Its pid, or `pid:thread`. Empty if it could not be made. */
  readonly process: string;
  /** Why, in one line for people. */
  readonly reason?: string;
  /** More lines: a stack, or the lines of the file. */
  readonly detail?: string;
  /** With `draining`: how many clients it still has. With `gone`: how many ended with it. */
  readonly clients?: number;
  /** With `gone`. */
  readonly outcome?: WorkerOutcome;
}

/** A reload began or ended. */
export interface ReloadEvent {
  readonly event: 'reload';
  /**
   * `done`: every place has a new worker. `failed`: a new worker did not become ready, and the old
   * ones go on. `skipped`: it was stopped, or the supervisor ends.
   */
  readonly state: 'began' | 'done' | 'failed' | 'skipped';
  readonly generation: number;
  /** Why, in one line for people. */
  readonly reason?: string;
  /** More lines: a stack, or the lines of the file. */
  readonly detail?: string;
  /** How many places have a new worker. */
  readonly replaced?: number;
}

/** Something in the file that is seldom meant: a named lock that each worker has for itself. */
export interface WarningEvent {
  readonly event: 'warning';
  /** One line for people. */
  readonly message: string;
}

/** What a worker serves. */
export type WorkerServeEvent = ServeEvent & WorkerName;

export type WorkersEvent = WorkerServeEvent | WorkerStateEvent | ReloadEvent | WarningEvent;

/** Receives events as they happen. It must not throw. */
export type WorkersListener = (event: WorkersEvent) => void;
