// What the main thread does while somebody looks, and what it says once a second in any case.
import { clearInterval, setInterval } from 'node:timers';
import { host } from '../../core/index.ts';
import { buffersOf, type LoopRow, Sampler, takeTotals, VisitCounter } from '../../introspect/index.ts';
import type { ToWorker } from '../crossing.ts';

/** How often the figures are sent, in milliseconds. */
const FIGURES_EVERY = 1000;

/** Makes samples and figures for the worker. Disposing it ends both. */
export class Looking implements Disposable {
  readonly #post: (message: ToWorker, transfer: ArrayBuffer[]) => void;
  readonly #timer: NodeJS.Timeout;
  /** Both undefined while nobody looks. */
  #visits: VisitCounter | undefined;
  #sampler: Sampler | undefined;

  constructor(post: (message: ToWorker, transfer: ArrayBuffer[]) => void, loop: () => LoopRow, ended: () => number) {
    this.#post = post;
    const tell = (): void => {
      const { reads = null, visits = null } = this.#visits ?? {};
      this.#post(
        { type: 'figures', figures: { now: host.now(), ...loop(), ...takeTotals(), reads, visits, ended: ended() } },
        [],
      );
    };
    this.#timer = setInterval(tell, FIGURES_EVERY);
    this.#timer.unref();
    tell();
  }

  /** Sends a sample. @param fresh begins a new stream */
  sample(fresh: boolean): void {
    if (this.#sampler === undefined || fresh) {
      this.#visits ??= new VisitCounter();
      this.#sampler = new Sampler(this.#visits);
    }
    const sample = this.#sampler.take();
    this.#post({ type: 'sample', sample }, buffersOf(sample.tables));
  }

  /** Nobody looks any more. */
  lookAway(): void {
    this.#visits?.[Symbol.dispose]();
    this.#visits = this.#sampler = undefined;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.lookAway();
  }
}
