// A line: the waits at one primitive, first come, first served. Prior art: trio's ParkingLot.
//
// A wait is in its line from `join()` to its answer or its cancel. A cancelled wait leaves by
// itself (QueuedWait.withdraw). An answered wait leaves in the step that answers it. So every wait
// in the line is still WAITING.
import { LinkedSet } from '../base/index.ts';
import type { QueuedWait } from './wait.ts';

/**
 * The line of a primitive. It is a LinkedSet, so you can also iterate over it, read its `size` and
 * its `first`, and put a wait back with `addFirst`.
 *
 * @example
 * ```ts
 * import { createTask } from 'maitre';
 * import { beginWait, Line, QueuedWait } from 'maitre/lowlevel';
 * const line = new Line<string>();
 * const wait = () => beginWait() ?? line.join(new QueuedWait<string>('my line', line));
 * const task = createTask(wait, { eager: true });
 * line.answerFirst('next, please');
 * console.log(await task);
 * ```
 */
export class Line<T, W extends QueuedWait<T> = QueuedWait<T>> extends LinkedSet<W> {
  /** Puts a wait at the end of the line, and returns its promise. */
  join(wait: W): Promise<T> {
    this.add(wait);
    return wait.promise;
  }

  /** Answers the first wait. Returns false if the line is empty. */
  answerFirst(value: T): boolean {
    const wait = this.shift();
    wait?.answer(value);
    return wait !== undefined;
  }

  /** Answers all waits that are in the line now, in order. */
  answerAll(value: T): void {
    for (let wait = this.shift(); wait !== undefined; wait = this.shift()) wait.answer(value);
  }

  /** Fails all waits that are in the line now, in order, each with an error of its own. */
  failAll(makeError: () => unknown): void {
    for (let wait = this.shift(); wait !== undefined; wait = this.shift()) wait.fail(makeError());
  }
}
