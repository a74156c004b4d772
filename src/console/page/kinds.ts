// What a table waits for, in the words of the page: one entry for each ball, in the order of BALLS, which is what
// frames send. Shapes are in floor/shapes.ts and icons.tsx, colours in theme.ts.
import type { Ball } from '../../inspect/protocol/index.ts';

export interface Kind {
  readonly id: Ball;
  /** In the legend: `guest to order`. */
  readonly words: string;
  /** Where there is little room: `guest orders`. */
  readonly mini: string;
  /** A sentence that ends before what it waits for is named. */
  readonly long: string;
  /** What of the library waits so. */
  readonly api: string;
}

export const KINDS: readonly Kind[] = [
  {
    id: 'read',
    words: 'guest to order',
    mini: 'guest orders',
    long: 'Waits for its guest to order: nothing to do here until bytes come.',
    api: 'reader.read and its sisters',
  },
  {
    id: 'drain',
    words: 'guest to eat',
    mini: 'guest eats',
    long: 'Waits for its guest to eat: what was written has not all been taken yet.',
    api: 'writer.drain',
  },
  {
    id: 'kitchen',
    words: 'the kitchen',
    mini: 'kitchen',
    long: 'Waits for the kitchen: a job in a thread, a process or another machine.',
    api: 'executor jobs',
  },
  {
    id: 'other',
    words: 'another table',
    mini: 'another',
    long: 'Waits for another task: a lock, a queue, an event, or the end of a task.',
    api: 'lock, semaphore, queue, event, await task',
  },
  {
    id: 'clock',
    words: 'the clock',
    mini: 'clock',
    long: 'Waits for the clock: a sleep, a rate limit or the next tick.',
    api: 'sleep, every, rate limit',
  },
  {
    id: 'unseen',
    words: 'unseen',
    mini: 'unseen',
    long: 'Awaits a promise that is not maitre’s: it cannot be seen into, nor interrupted.',
    api: 'fetch and other foreign promises',
  },
];

export const READ = 0;
export const DRAIN = 1;
export const KITCHEN = 2;
export const OTHER = 3;
export const CLOCK = 4;
export const UNSEEN = 5;

/** The kind of an index that came from outside; an unknown one counts as unseen. */
export function kindOf(index: number): Kind {
  return KINDS[index] ?? (KINDS[UNSEEN] as Kind); // the table has it
}

/** `Guest to order`: for the beginning of a line. */
export function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
