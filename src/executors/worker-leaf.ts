// A leaf: one worker, wherever it runs, and what it reports. The pool knows nothing else of workers.
import type { FromWorker, ToWorker } from './protocol.ts';

/** A worker, as the pool sees it. */
export interface WorkerLeaf {
  /** Sends a message. Throws if it cannot be cloned. */
  post(message: ToWorker, transfers: object[]): void;
  /** Shows synchronous code which job is cancelled. */
  setCancelled(job: number): void;
  /** Sets whether it keeps the process alive. */
  hold(on: boolean): void;
  /** Terminates it. `exited` follows. */
  terminate(): void;
}

/** What a leaf reports to the pool. */
export interface LeafEvents {
  message(message: FromWorker): void;
  /** Called once: how the worker ended, in words, and the error that ended it, if there is one. */
  exited(how: string, cause: unknown): void;
}
