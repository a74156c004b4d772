// The strip: a point a second, for the charts. Kept in the inspector's thread from its start on, so
// that a page that comes later has a past.
import type { BlockRow } from '../../introspect/index.ts';
import type { Figures } from '../crossing.ts';
import type { StripPoint } from '../protocol/index.ts';

/** Points that are kept: five minutes. */
const KEPT = 300;

export class Strip {
  readonly #points: StripPoint[] = [];
  #last: Figures | undefined;
  /** The number of points so far. */
  #count = 0;

  /** The number of points so far, for `after`. */
  get count(): number {
    return this.#count;
  }

  /** The latest figures; undefined before the first. */
  get figures(): Figures | undefined {
    return this.#last;
  }

  /**
   * Adds a point.
   * @param blocks the blocks; those that lasted since the point before count
   */
  add(figures: Figures, blocks: readonly BlockRow[]): void {
    const last = this.#last;
    this.#last = figures;
    if (last === undefined) return; // the figures of a second need two of them
    const seconds = Math.max(0.001, (figures.now - last.now) / 1000);
    const perSecond = (of: 'reads' | 'visits' | 'bytesIn' | 'bytesOut'): number | null => {
      const [now, before] = [figures[of], last[of]];
      return now === null || before === null ? null : Math.max(0, Math.round((now - before) / seconds));
    };
    const during = blocks.filter(({ since, ms }) => since + ms >= last.now);
    this.#points.push({
      at: Math.round(figures.now),
      busy: figures.busy === null ? null : Math.round(figures.busy * 1000) / 1000,
      lag50: rounded(figures.lag?.p50),
      lag99: rounded(figures.lag?.p99),
      connections: figures.connections,
      reads: perSecond('reads'),
      bytesIn: perSecond('bytesIn') ?? 0,
      bytesOut: perSecond('bytesOut') ?? 0,
      visits: perSecond('visits'),
      longestBlock: Math.round(Math.max(0, ...during.map(({ ms }) => ms))),
    });
    this.#count++;
    if (this.#points.length > KEPT) this.#points.shift();
  }

  /** The points after the first `count`, as far as they are kept. */
  after(count: number): readonly StripPoint[] {
    return count >= this.#count ? [] : this.#points.slice(-(this.#count - count));
  }
}

function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 100) / 100;
}
