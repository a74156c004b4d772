// The recorder of an inspector: from the start on, or from the first recording on.
import { InvalidStateError } from '../../core/index.ts';
import { Recorder, type RecordingNotes } from '../../introspect/index.ts';
import type { Settings } from '../crossing.ts';
import type { RecorderPart } from './answer.ts';

export class Recording implements RecorderPart, Disposable {
  readonly #settings: Settings['record'];
  readonly #onBegin: (ring: SharedArrayBuffer) => void;
  #recorder: Recorder | undefined;

  constructor(settings: Settings['record'], onBegin: (ring: SharedArrayBuffer) => void) {
    this.#settings = settings;
    this.#onBegin = onBegin;
  }

  /** Begins to record, if that is what the settings say. */
  begin(): void {
    if (this.#settings === null) return;
    this.#start().setFull(this.#settings.full);
  }

  notes(): RecordingNotes {
    if (this.#recorder === undefined) throw new InvalidStateError('the recorder does not run');
    return this.#recorder.notes();
  }

  setFull(on: boolean): void {
    const recorder = this.#start();
    recorder.setFull(on || this.#settings?.full === true);
    if (on || this.#settings !== null) recorder.start();
    else recorder.stop(); // what the ring has stays
  }

  [Symbol.dispose](): void {
    this.#recorder?.[Symbol.dispose]();
  }

  #start(): Recorder {
    if (this.#recorder !== undefined) return this.#recorder;
    this.#recorder = new Recorder({ bytes: this.#settings?.bytes });
    this.#recorder.start();
    this.#onBegin(this.#recorder.buffer as SharedArrayBuffer); // Node, Bun and Deno have it
    return this.#recorder;
  }
}
