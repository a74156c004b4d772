// The stages of all rooms, as keys and the panel see them: one.
import { roomOf } from '../../../inspect/protocol/index.ts';
import type { App, Stage } from '../app.ts';
import type { FloorStage } from './stage.ts';

export class Stages implements Stage {
  readonly #app: App;
  readonly #all = new Map<FloorStage, number | undefined>();

  constructor(app: App) {
    this.#app = app;
  }

  /** The one that was added first; null without any. */
  get first(): FloorStage | null {
    return this.#all.keys().next().value ?? null;
  }

  /** @param room the one that it shows, if there are several */
  add(stage: FloorStage, room: number | undefined): void {
    this.#all.set(stage, room);
  }

  remove(stage: FloorStage): void {
    this.#all.delete(stage);
  }

  get place(): number {
    for (const { place } of this.#all.keys()) if (place >= 0) return place;
    return -1;
  }

  /** In the room of the chosen table; in the first one if none is chosen. */
  step(key: string): void {
    const chosen = this.#app.selected.value;
    const own = [...this.#all].find(([, room]) => room === undefined || room === roomOf(chosen));
    (chosen === 0 ? this.first : (own?.[0] ?? this.first))?.step(key);
  }
}
