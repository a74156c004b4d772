// What is compared, and where the replay of both is.
import { type Signal, signal } from '@preact/signals';
import type { Choice, Pair } from './dinner.ts';
import { type Replay, replayOf, type Scene, sceneOf } from './replay.ts';

/** Milliseconds between two changes of text. */
const BEAT = 100;

export type One = 'stands' | 'walks';
export const BOTH: readonly One[] = ['stands', 'walks'];

export class Comparison {
  readonly choice: Signal<Choice> = signal<Choice>({ guests: 10, seed: 21, kitchen: 1, standing: 'concurrency' });
  readonly pair: Signal<Pair | null> = signal<Pair | null>(null);
  readonly failure: Signal<string> = signal('');
  readonly playing: Signal<boolean> = signal(false);
  /** Grows when text may change. */
  readonly beat: Signal<number> = signal(0);
  replay: Replay | null = null;
  at = 0;
  #ticked = 0;
  #beaten = 0;
  #running = false;

  /** Serves both dinners anew, and replays them from the begin. */
  async run(choice: Choice): Promise<void> {
    this.choice.value = choice;
    if (this.#running) return; // it looks again when it is done
    this.#running = true;
    try {
      const { serveInPage } = await import('./serve-in-page.ts');
      let served: Choice;
      let pair: Pair;
      do {
        served = this.choice.value;
        pair = await serveInPage(served);
      } while (served !== this.choice.value);
      this.replay = replayOf(pair);
      this.failure.value = '';
      this.pair.value = pair;
      this.restart();
    } catch (error) {
      this.failure.value = String(error);
    } finally {
      this.#running = false;
    }
  }

  restart(): void {
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.at = still ? (this.replay?.length ?? 0) : 0;
    this.playing.value = !still;
    this.beat.value++;
  }

  get over(): boolean {
    return this.replay !== null && this.at >= this.replay.length;
  }

  play(): void {
    if (this.over) this.at = 0;
    this.playing.value = !this.playing.value;
    this.beat.value++;
  }

  tick(wall: number): void {
    const passed = Math.max(0, Math.min(60, wall - this.#ticked));
    this.#ticked = wall;
    if (this.replay === null || !this.playing.value) return;
    this.at = Math.min(this.replay.length, this.at + passed);
    if (this.over) this.playing.value = false;
    if (this.over || wall - this.#beaten > BEAT) {
      this.#beaten = wall;
      this.beat.value++;
    }
  }

  scene(one: One): Scene | undefined {
    const pair = this.pair.value;
    return pair === null || this.replay === null ? undefined : sceneOf(pair, one, this.replay, this.at);
  }
}
