// How a table that changes faster than one can read is drawn: by where it spent most of the last 0.9 s, as far as
// frames saw it. It says "mostly", and changes only on a clear lead and at most four times a second.
//
// Frames come ten times a second, so what is weighed are samples, not every wait: a share of 12 points is what one
// sample of nine is worth, and the lead has to be above that.

/** Milliseconds that are looked back on. */
const WINDOW = 900;
/** More changes than this in the window, and a table is drawn by its share. */
const MOST_CHANGES = 3;
/** The lead of another kind, as a share, from which on it is drawn. */
const LEAD = 0.12;
/** Milliseconds between two changes of what is drawn. */
const HOLD = 250;

export interface Seen {
  readonly ball: number;
  readonly place: number;
  readonly visits: number;
}

export class Steadiness {
  /** The kind as it is drawn. */
  ball = 0;
  /** The place of the last wait of that kind: an index, -1 for unknown. */
  place = -1;
  /** True if it is drawn by its share. */
  mostly = false;
  /** Visits a second in the window. */
  rate = 0;
  #changedAt = -Infinity;
  readonly #places: number[] = [];
  readonly #at: number[] = [];
  readonly #ball: number[] = [];
  readonly #visits: number[] = [];

  /** Takes what a frame says of the moment `at`, in milliseconds: the wait, and the visits so far. */
  note(at: number, { ball, place, visits }: Seen): void {
    this.#at.push(at);
    this.#ball.push(ball);
    this.#visits.push(visits);
    this.#places[ball] = place;
    // One older than the window stays, because the visits since then are counted from it.
    while (this.#at.length > 2 && (this.#at[1] ?? at) <= at - WINDOW) {
      this.#at.shift();
      this.#ball.shift();
      this.#visits.shift();
    }
    this.#settle(at);
  }

  #settle(at: number): void {
    const now = this.#ball.at(-1) ?? 0;
    const changes = (this.#visits.at(-1) ?? 0) - (this.#visits[0] ?? 0);
    this.rate = (changes * 1000) / Math.max(WINDOW, at - (this.#at[0] ?? at));
    if (changes <= MOST_CHANGES) {
      this.mostly = false;
      this.#show(now, at);
      return;
    }
    this.mostly = true;
    if (at - this.#changedAt < HOLD) return;
    const shares = new Map<number, number>();
    for (const ball of this.#ball) shares.set(ball, (shares.get(ball) ?? 0) + 1 / this.#ball.length);
    let best = this.ball;
    for (const [ball, share] of shares) {
      const lead = share - (shares.get(best) ?? 0);
      if (lead > (best === this.ball ? LEAD : 0)) best = ball;
    }
    this.#show(best, at);
  }

  #show(ball: number, at: number): void {
    if (this.ball !== ball) this.#changedAt = at;
    this.ball = ball;
    this.place = this.#places[ball] ?? -1;
  }
}
