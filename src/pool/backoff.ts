// Backoff: the pauses between attempts to open an item while `create` fails.
//
// - Attempts that were under way together count as one failure.
// - While the last attempt has failed, one attempt is made at a time. The first that succeeds ends
//   that.
import type { Deadline } from '../base/index.ts';
import { addDeadline, deleteDeadline, loopTime, random } from '../core/index.ts';

export class Backoff implements Deadline {
  when = 0;
  slot = -1;
  order = 0;
  /** Failures in a row. */
  failures = 0;
  /** What the last attempt failed with; undefined if it succeeded. */
  error: unknown = undefined;
  /** Milliseconds. */
  readonly #first: number;
  /** Milliseconds. */
  readonly #most: number;
  /** Called when a pause is over. */
  readonly #wake: () => void;
  #isPausing = false;

  constructor(first: number, most: number, wake: () => void) {
    this.#first = first;
    this.#most = most;
    this.#wake = wake;
  }

  /** Whether an attempt may begin beside `running` others. */
  allows(running: number): boolean {
    return !this.#isPausing && (this.failures === 0 || running === 0);
  }

  /**
   * An attempt failed that began when there were `before` failures. Returns true if it is the first
   * in a row.
   */
  failed(before: number, error: unknown): boolean {
    this.error = error;
    if (before !== this.failures || this.#isPausing) return false;
    const pause = Math.min(this.#first * 2 ** Math.min(this.failures, 1023), this.#most);
    this.failures++;
    this.#isPausing = true;
    // Half of the pause is certain, the other half random, so that many clients do not come at once.
    this.when = loopTime() + pause * (0.5 + random() / 2);
    addDeadline(this);
    return this.failures === 1;
  }

  /** An attempt succeeded. */
  succeeded(): void {
    this.failures = 0;
    this.error = undefined;
    this.stop();
  }

  /** Ends a pause. */
  stop(): void {
    deleteDeadline(this);
    this.#isPausing = false;
  }

  /** Called by the loop. */
  due(): void {
    this.#isPausing = false;
    this.#wake();
  }
}
