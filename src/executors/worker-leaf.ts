// A leaf: one worker, wherever it runs, and what it reports. The pool knows nothing else of workers.
import type { FromWorker, ToWorker } from './protocol.ts';

/** A worker, as the pool sees it. */
export interface WorkerLeaf {
  /**
   * Sends a message. Throws if it cannot be cloned. An idle worker may sleep on until wake() is
   * called: to wake it once for several messages costs less.
   */
  post(message: ToWorker, transfers: object[]): void;
  wake(): void;
  /** Shows synchronous code which job is cancelled. */
  setCancelled(job: number): void;
  /**
   * Offers the worker the job whose message follows: it takes the job when it has ended the one before
   * it. Returns the key of the offer. Undefined if there is no room, and where no memory is shared.
   * @param number unlike that of any offer before
   */
  offer(number: number): number | undefined;
  /** Takes an offered job back. Returns false if the worker has taken it. */
  takeBack(key: number): boolean;
  /** Sets whether it keeps the process alive. */
  hold(on: boolean): void;
  /** Terminates it. `exited` follows. */
  terminate(): void;
}

/** What a leaf reports to the pool. */
export interface LeafEvents {
  /** Called with the messages that have come, in order. */
  messages(batch: readonly FromWorker[]): void;
  /** Called once: how the worker ended, in words, and the error that ended it, if there is one. */
  exited(how: string, cause: unknown): void;
}
