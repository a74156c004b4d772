// Which waits are remarkable: longer than 99 of 100 of their kind that the page has seen end, and than one second.
import { CLOCK, KINDS, READ } from './kinds.ts';

/** Waits of each kind that are remembered. */
const MEMORY = 400;
/** With fewer there is no telling. */
const LEAST = 20;
/** Milliseconds. */
const FLOOR = 1000;

export class Remarkable {
  readonly #ended: number[][] = KINDS.map(() => []);
  readonly #at: number[] = KINDS.map(() => 0);
  #bounds: number[] = KINDS.map(() => Infinity);

  /** Notes a wait that has ended. */
  note(ball: number, ms: number): void {
    const lengths = this.#ended[ball];
    if (lengths === undefined) return;
    const at = this.#at[ball] ?? 0;
    lengths[at] = ms;
    this.#at[ball] = (at + 1) % MEMORY;
  }

  /** Works out the bounds anew: a few times a second is enough. */
  update(): void {
    this.#bounds = this.#ended.map((lengths, ball) => {
      // A guest may take its time, and a sleep is as long as it was meant to be.
      if (ball === READ || ball === CLOCK || lengths.length <= LEAST) return Infinity;
      const sorted = lengths.toSorted((a, b) => a - b);
      return Math.max(FLOOR, sorted[Math.floor(sorted.length * 0.99)] ?? FLOOR);
    });
  }

  /** Whether a wait of this kind is remarkable once it has lasted so long. */
  is(ball: number, ms: number): boolean {
    return ms > (this.#bounds[ball] ?? Infinity);
  }
}
