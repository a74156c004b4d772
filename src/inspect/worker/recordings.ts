// Recordings, read out of the ring of the main thread. The ring is shared memory, so the past of a
// blocked process can be read as well. A copy of the ring is kept when a block is over, at an error
// that no code received, and when a warning begins: what came before it stays.
import { sleep } from '../../core/index.ts';
import {
  billOf,
  type BlockRow,
  blockSentence,
  copyRing,
  durationText,
  type FrozenRing,
  FrozenRings,
  packRecording,
  plural,
  type ProcessRow,
  readRecording,
  type Recording,
  type RecordingNotes,
  type Snapshot,
  Warnings,
} from '../../introspect/index.ts';
import type { Methods } from '../protocol/index.ts';
import { answerOf, type MainThread } from './main-thread.ts';
import { RequestError } from './request-error.ts';
import type { ShownFiles } from './shown-files.ts';
import type { Watchdog } from './watchdog.ts';

/** The longest recording, in milliseconds. */
const LONGEST = 600_000;

const OFF = 'the recorder does not run: start the inspector with record';

/** What recordings are made from. */
export interface RecordingSources {
  readonly main: MainThread;
  readonly watchdog: Watchdog;
  readonly files: ShownFiles;
  /** Whether the recorder runs all the time. */
  readonly isOn: boolean;
  /** The loop's time. */
  now(): number;
  process(): ProcessRow;
}

export class Recordings {
  readonly #sources: RecordingSources;
  /** The memory of the recorder; undefined before there is one. */
  #ring: SharedArrayBuffer | undefined;
  readonly #frozen = new FrozenRings();
  /** Of the snapshots that the main thread puts aside: they come whether somebody looks or not. */
  readonly #warnings = new Warnings();
  /** How many want full detail. */
  #users = 0;

  constructor(sources: RecordingSources) {
    this.#sources = sources;
  }

  /**
   * Where the time of a client went, as far as the ring has it. Where the recorder does not run, in
   * the `ms` milliseconds from now on.
   * @throws RequestError if the recorder does not run and `ms` is not given, and for a client that the ring does not have
   */
  async bill({ client, ms }: Methods['bill']['params']): Promise<Omit<Methods['bill']['result'], 'fresh'>> {
    const { isOn } = this.#sources;
    if (!isOn && ms === undefined) throw new RequestError('NOT_AVAILABLE', OFF);
    const from = isOn ? 0 : this.#sources.now();
    if (!isOn) await this.#recordFor(ms ?? 0);
    const bill = billOf(await this.#read(from), client);
    if (bill === undefined) throw new RequestError('NOT_FOUND', `the recorder knows no client ${client}`);
    const [most] = bill.lines.toSorted((a, b) => b.ms - a.ms);
    const where = most === undefined ? '' : `, most of it: ${most.what} (${durationText(most.ms)})`;
    const span = isOn ? '' : ', recorded just now since no recorder runs';
    return { sentence: `${bill.client} was served for ${durationText(bill.wall)}${span}${where}`, bill };
  }

  /** The recorder has begun. */
  begun(ring: SharedArrayBuffer): void {
    this.#ring = ring;
  }

  /** Keeps a copy of the ring for a block that is over. Its row then says which. */
  async freezeBlock(row: BlockRow): Promise<void> {
    const frozen = await this.#freeze('block', blockSentence(row));
    if (frozen !== undefined) (row as { frozen?: number }).frozen = frozen.id; // nobody else writes the row any more
  }

  /** Keeps a copy of the ring for an error that no code received. */
  async freezeError(what: string): Promise<void> {
    await this.#freeze('error', what);
  }

  /** Keeps a copy of the ring if a warning has begun. @param snapshot comes once a second */
  async freezeWarning(snapshot: Snapshot): Promise<void> {
    if (!this.#sources.isOn) return;
    this.#warnings.check({ snapshot, blocks: this.#sources.watchdog.blocks });
    const [first] = this.#warnings.begun;
    if (first !== undefined) await this.#freeze('warning', first.sentence);
  }

  async #freeze(reason: Recording['reason'], what: string): Promise<FrozenRing | undefined> {
    const ring = this.#ring;
    const at = this.#sources.now();
    if (ring === undefined || !this.#sources.isOn || !this.#frozen.isDue(reason, at)) return undefined;
    const reply = await this.#sources.main.ask('notes', {}, false);
    if (reply === undefined || 'error' in reply) return undefined; // blocked again: the copy comes with that block
    return this.#frozen.freeze({ reason, at, what }, ring, reply.answer);
  }

  /** What is kept, in words and as rows. */
  kept(): { sentence: string; recordings: readonly FrozenRing[] } {
    if (!this.#sources.isOn) throw new RequestError('NOT_AVAILABLE', OFF);
    const recordings = this.#frozen.all;
    if (recordings.length === 0)
      return { sentence: 'Nothing is kept: no block, no error, no warning so far', recordings };
    const reasons = recordings.map(({ reason }) => reason).join(', ');
    return { sentence: `${plural(recordings.length, 'recording')} kept: ${reasons}`, recordings };
  }

  async #readFrozen(id: number): Promise<Omit<Methods['record']['result'], 'fresh'>> {
    const { blocks } = this.#sources.watchdog;
    const recording = this.#frozen.read(id, { process: this.#sources.process(), blocks });
    if (recording === undefined) throw new RequestError('NOT_FOUND', `there is no copy ${id}, or not any more`);
    const span = durationText(recording.to - recording.from);
    const article = recording.reason === 'error' ? 'an' : 'a';
    const sentence = `${recording.visits.length} visits in the ${span} up to ${article} ${recording.reason}`;
    const source = await this.#sources.files.around(recording.places);
    return { sentence, recording: packRecording({ ...recording, source }) };
  }

  /**
   * What the ring has of the last `last` milliseconds; or what happens in the next `ms`, at full
   * detail.
   */
  async record({ ms, last, frozen }: Methods['record']['params']): Promise<Omit<Methods['record']['result'], 'fresh'>> {
    if (frozen !== undefined) return this.#readFrozen(frozen);
    const span = ms ?? last;
    if (typeof span !== 'number' || !(span > 0) || span > LONGEST || (ms !== undefined && last !== undefined))
      throw new RequestError('BAD_REQUEST', `give either ms or last, a number of milliseconds up to ${LONGEST}`);
    if (ms === undefined && !this.#sources.isOn) throw new RequestError('NOT_AVAILABLE', OFF);
    if (ms !== undefined) await this.#recordFor(ms);
    const recording = await this.#read(this.#sources.now() - span);
    const full = recording.full ? 'each step measured' : 'one step in 64 measured';
    const lost = recording.lost === 0 ? '' : `; the ring goes back only to ${seconds(recording)}`;
    const sentence = `${recording.visits.length} visits in ${durationText(span)}, ${full}${lost}`;
    const source = await this.#sources.files.around(recording.places);
    return { sentence, recording: packRecording({ ...recording, source }) };
  }

  async #recordFor(ms: number): Promise<void> {
    if (this.#users++ === 0) await this.#setFull(true);
    try {
      await sleep(ms);
    } finally {
      if (--this.#users === 0) await this.#setFull(false);
    }
  }

  async #setFull(on: boolean): Promise<void> {
    const reply = await this.#sources.main.ask('detail', { on }, false);
    if (reply === undefined && on)
      throw new RequestError('NOT_AVAILABLE', 'the process is blocked, and cannot begin to record');
  }

  async #read(from: number): Promise<Recording> {
    const { main, watchdog } = this.#sources;
    if (this.#ring === undefined) throw new RequestError('NOT_AVAILABLE', 'the recorder did not start');
    const copy = copyRing(this.#ring);
    const to = this.#sources.now();
    const reply = await main.ask('notes', {}, watchdog.isBlocked);
    if (reply === undefined) throw new RequestError('NOT_AVAILABLE', 'native code blocks the process; ask again later');
    const notes: RecordingNotes = answerOf<'notes'>(reply);
    const blocks = watchdog.blocks.filter(({ since, ms }) => since + ms >= from);
    return readRecording(copy, notes, { process: this.#sources.process(), reason: 'request', from, to, blocks });
  }
}

function seconds({ from, to }: Recording): string {
  return `${((to - from) / 1000).toFixed(1)} s before its end`;
}
