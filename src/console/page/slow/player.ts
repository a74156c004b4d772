// The replay as it is operated: what plays, how fast, where the playhead is. It knows no page: views
// read its signals, and the frame loop calls `tick`.
//
// `at` moves with every frame and is a plain number, so that a frame does not render text. `step`
// changes when the playhead enters another piece: sentences, code and list follow it.
import { type Signal, signal } from '@preact/signals';
import type { Recording } from '../../../inspect/protocol/index.ts';
import { clamp, type History, historyOf, type Stay } from './history.ts';
import { type Axis, axisOf, type Lanes, lanesOf, type Window, WINDOWS, windowAt } from './lanes.ts';
import { sumOf, type Words } from './sentences.ts';
import {
  nextVisit,
  type Piece,
  pieceAt,
  previousVisit,
  recordedAt,
  replayAt,
  showVisit,
  slowly,
  type Speed,
  type Timeline,
  timelineOf,
} from './timeline.ts';

/** A frame that took longer, because the page was hidden, moves the playhead by so many milliseconds only. */
const LONGEST_FRAME = 60;

export class Player {
  readonly history: History;
  readonly lanes: Lanes;
  /** The visits during which the waiter stood. */
  readonly blocks: readonly Stay[];
  /** What all visits were together. */
  readonly sum: readonly Words[];
  readonly speed: Signal<Speed> = signal<Speed>(50);
  readonly window: Signal<Window> = signal<Window>(200);
  readonly playing: Signal<boolean> = signal(false);
  /** Grows when the playhead enters another piece, or jumps. */
  readonly step: Signal<number> = signal(0);
  timeline: Timeline;
  axis: Axis;
  /** The playhead, in milliseconds of the replay. */
  #at = 0;
  #ticked: number | undefined;
  #shown: Piece | undefined;

  /** @param still starts paused: reduced motion */
  constructor(recording: Recording, still: boolean) {
    this.history = historyOf(recording);
    this.lanes = lanesOf(this.history);
    this.blocks = this.history.stays.filter(({ stands }) => stands);
    this.sum = sumOf(this.history);
    this.timeline = timelineOf(this.history.stays, this.history.length, slowly(50));
    this.axis = axisOf(this.history, 200);
    if (recording.reason === 'block') this.showBlock();
    else if (still) this.#at = showVisit(this.timeline, 0);
    else this.playing.value = this.history.stays.length > 0;
  }

  get at(): number {
    return this.#at;
  }

  /** The playhead, in recorded milliseconds. */
  get recorded(): number {
    return recordedAt(this.timeline, this.#at);
  }

  get piece(): Piece {
    return pieceAt(this.timeline, this.#at);
  }

  /** The part of the axis that the lanes show. */
  get shown(): readonly [begin: number, end: number] {
    return windowAt(this.axis, this.window.value, this.recorded);
  }

  get over(): boolean {
    return this.#at >= this.timeline.length - 1;
  }

  /** Moves the playhead on. @param wall the page's clock */
  tick(wall: number): void {
    const passed = clamp(wall - (this.#ticked ?? wall), 0, LONGEST_FRAME);
    this.#ticked = wall;
    if (!this.playing.value) return;
    this.#at = Math.min(this.timeline.length, this.#at + passed);
    if (this.#at >= this.timeline.length) this.playing.value = false;
    this.#follow();
  }

  play(on: boolean = !this.playing.value): void {
    if (on && this.over) this.#at = 0;
    this.playing.value = on;
    this.#follow();
  }

  /** Stops at a visit. */
  show(index: number): void {
    this.#stopAt(showVisit(this.timeline, index));
  }

  next(): void {
    this.show(nextVisit(this.timeline, this.#at));
  }

  previous(): void {
    this.show(previousVisit(this.timeline, this.#at));
  }

  /** Stops at a recorded moment. */
  seek(recorded: number): void {
    this.#stopAt(replayAt(this.timeline, clamp(recorded, 0, this.history.length)));
  }

  /** Stops in the longest block; one whose stack is known comes first. */
  showBlock(): void {
    const known = this.blocks.filter(({ block }) => block !== undefined && block.stack.length > 0);
    const longest = (known.length > 0 ? known : this.blocks).toSorted((a, b) => b.ms - a.ms)[0];
    if (longest === undefined) this.show(this.history.stays.length - 1);
    else this.show(longest.index);
  }

  setSpeed(speed: Speed): void {
    const { recorded, piece } = this;
    this.speed.value = speed;
    this.timeline = timelineOf(this.history.stays, this.history.length, slowly(speed));
    // A visit stays the one that is shown, also where it has no length.
    this.#at =
      piece.stay === undefined ? replayAt(this.timeline, recorded) : showVisit(this.timeline, piece.stay.index);
    this.#jump();
  }

  setWindow(window: Window): void {
    this.window.value = window;
    this.axis = axisOf(this.history, window);
    this.#jump();
  }

  /** Takes a key. Returns whether it was one for the replay. */
  key(key: string): boolean {
    const at = WINDOWS.indexOf(this.window.value);
    switch (key) {
      case ' ':
        this.play();
        return true;
      case 'ArrowRight':
        this.next();
        return true;
      case 'ArrowLeft':
        this.previous();
        return true;
      case 'Home':
        this.show(0);
        return true;
      case 'End':
        this.show(this.history.stays.length - 1);
        return true;
      case '+':
      case '=':
        this.setWindow(WINDOWS[Math.min(WINDOWS.length - 1, at + 1)] ?? 2);
        return true;
      case '-':
        this.setWindow(WINDOWS[Math.max(0, at - 1)] ?? 200);
        return true;
      default:
        return false;
    }
  }

  #stopAt(at: number): void {
    this.playing.value = false;
    this.#at = at;
    this.#jump();
  }

  #jump(): void {
    this.#shown = this.piece;
    this.step.value++;
  }

  #follow(): void {
    if (this.piece !== this.#shown) this.#jump();
  }
}
