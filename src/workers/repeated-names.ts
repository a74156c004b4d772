// The supervisor's side of named-here.ts: warns once of each named broadcast, lock or limit that
// several workers have. Each of them has its own, which is seldom what its author meant.
import { escapeControl } from '../base/index.ts';

/** The name of its messages in the channel between worker and supervisor. */
export const NAMES_CHANNEL = 'names';

/** A named thing of a worker. */
export interface NamedThing {
  readonly kind: string;
  readonly name: string;
}

const LIMIT =
  'each worker has its own, so all together let through that many times as much; divide the limit by the number of workers, or limit in front of them';
const HOLD =
  'each worker has its own, so it does not keep workers apart; use a lock of what they share, such as the database';

/** The kinds that are one for each worker, with what to do about it. */
export const SEPARATE: ReadonlyMap<string, string> = new Map([
  [
    'broadcast',
    'each worker has its own, and what one publishes the others do not receive; use WorkerBroadcast of maitre/workers',
  ],
  ['lock', HOLD],
  ['semaphore', LIMIT],
  ['capacity limiter', LIMIT],
  ['rate limiter', LIMIT],
]);

export class RepeatedNames {
  readonly #warn: (message: string) => void;
  /** The place that was the first to have it; undefined once it was warned of. */
  readonly #places = new Map<string, number | undefined>();

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /**
   * The worker at a place has these. A worker that replaces another one has the same place, and is no
   * second one.
   */
  note(place: number, things: readonly NamedThing[]): void {
    for (const { kind, name } of things) {
      const key = `${kind} ${name}`;
      const first = this.#places.get(key);
      if (!this.#places.has(key)) this.#places.set(key, place);
      else if (first !== undefined && first !== place) {
        this.#places.set(key, undefined);
        this.#warn(`${kind} ${JSON.stringify(escapeControl(name))} is made in several workers: ${SEPARATE.get(kind)}`);
      }
    }
  }
}
