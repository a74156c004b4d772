// A waiting line: those who wait for one thing, first come, first served. Prior art: trio's ParkingLot.
//
// A wait stands in its line from join() to its answer or its cancel; a cancelled one leaves by itself (QueuedWait.withdraw). Who
// is answered leaves in the step that answers, so the first of the line is always one that still waits.
import { LinkedSet } from '../base/index.ts';
import type { QueuedWait } from './wait.ts';

/**
 * The line of a primitive.
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
  /** Puts a wait at the end of the line. Returns its promise. */
  join(wait: W): Promise<T> {
    this.add(wait);
    return wait.promise;
  }

  /** Answers the first. False when nobody waits. */
  answerFirst(value: T): boolean {
    const wait = this.shift();
    wait?.answer(value);
    return wait !== undefined;
  }

  /** Answers all who wait now, in order. */
  answerAll(value: T): void {
    for (let wait = this.shift(); wait !== undefined; wait = this.shift()) wait.answer(value);
  }

  /** Fails all who wait now, in order, each with an error of its own. */
  failAll(makeError: () => unknown): void {
    for (let wait = this.shift(); wait !== undefined; wait = this.shift()) wait.fail(makeError());
  }
}
