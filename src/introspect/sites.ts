// Of how many waits one records where it began. Several may want to know; the one that wants most
// counts.
import { sampleSites } from '../core/index.ts';

/** However many waits there are, one in this many is recorded: the others take its place as a guess. */
const SITE_EVERY = 64;
/**
 * The most sites that are recorded in a second while somebody looks. Each costs 1 to 6 us, with the
 * garbage: of four times as many, a server of 1,000 busy clients spent 9 % of its time on them.
 */
const MOST_A_SECOND = 1000;

const wishes = new Set<SiteRecording>();

function grant(): void {
  const least = Math.min(...[...wishes].map(({ every }) => every));
  sampleSites(least === Infinity ? 0 : least);
}

/** Records the sites of waits, at first of all of them, until it is disposed. */
export class SiteRecording implements Disposable {
  #every = 1;
  readonly #most: number;

  /** @param most how many sites it may record in a second, once `adapt` knows the number of waits */
  constructor(most: number = MOST_A_SECOND) {
    this.#most = most;
    wishes.add(this);
    grant();
  }

  get every(): number {
    return this.#every;
  }

  /**
   * Records as many sites as can be afforded: every one while there are few waits. After many it
   * comes back to that by a tenth at a time, so that bursts are not recorded whole.
   * @param waits how many there were in the last `ms` milliseconds
   */
  adapt(waits: number, ms: number): void {
    const aSecond = ms > 0 ? (waits / ms) * 1000 : 0;
    const afforded = Math.max(1, Math.ceil(aSecond / this.#most));
    const every = Math.min(SITE_EVERY, Math.max(afforded, Math.floor(this.#every * 0.9)));
    if (every === this.#every) return;
    this.#every = every;
    grant();
  }

  [Symbol.dispose](): void {
    if (wishes.delete(this)) grant();
  }
}
