// One thread that is looked into, from the inspector's thread: the questions to it, its watchdog, its
// snapshots and recordings. The main thread has one of these, and each room that is a thread.
import { Pulse, type FromWorker, type Figures, type LoopData, type Settings, type ToWorker } from '../crossing.ts';
import type { BlockRow, ProcessRow, Sample } from '../../introspect/index.ts';
import { mainClock } from './main-clock.ts';
import { MainThread } from './main-thread.ts';
import type { Reach } from './reach.ts';
import { Recordings } from './recordings.ts';
import { runDelay } from './run-delay.ts';
import type { ShownFiles } from './shown-files.ts';
import { Snapshots } from './snapshots.ts';
import { readKernel } from './unread-clients.ts';
import { Watchdog } from './watchdog.ts';

/** What it is made from. */
export interface LoopSources {
  readonly data: LoopData;
  readonly settings: Pick<Settings, 'blockAfter' | 'record' | 'control'>;
  readonly reach: Reach;
  /** Whether it is the main thread of this process. */
  readonly isMain: boolean;
  readonly files: ShownFiles;
  readonly post: (message: FromWorker) => void;
  /** Called when it is first seen where a block is, before it is reported. */
  readonly onFound: () => void;
  /** Called when a block is first reported, and when it is over. */
  readonly onBlock: (row: BlockRow) => void;
  /** Called once a second. */
  readonly onFigures: (figures: Figures) => void;
}

export class Loop implements Disposable {
  readonly data: LoopData;
  readonly settings: LoopSources['settings'];
  readonly main: MainThread;
  readonly watchdog: Watchdog;
  readonly snapshots: Snapshots;
  readonly recordings: Recordings;
  /** The loop's time. */
  readonly now: () => number;
  readonly #sources: LoopSources;
  #figures: Figures | undefined;
  /** Those who wait for samples, in the order in which these come. */
  readonly #samples: ((sample: Sample) => void)[] = [];
  /** Of the blocks that are over. */
  readonly #blocks = { count: 0, ms: 0 };

  constructor(sources: LoopSources) {
    const { data, settings, reach, isMain, files, post, onFound, onBlock } = sources;
    this.#sources = sources;
    this.data = data;
    this.settings = settings;
    const pulse = new Pulse(data.pulse);
    const now = mainClock(data.clockOffset, data.process.epoch);
    const main = new MainThread({ pulse, post, reach });
    const look = JSON.stringify({ ask: 'look', params: {} });
    const watchdog = new Watchdog({
      pulse,
      blockAfter: settings.blockAfter,
      now,
      look: () => main.interrupt(look),
      get obstacle() {
        return main.obstacle;
      },
      nameOf: (id) => this.snapshots.kept?.tasks.find((task) => task.id === id),
      runDelay: () => (isMain ? runDelay() : undefined),
      waiting: () => readKernel()?.unread ?? null,
      onFound,
      onBlock: (row) => {
        if (row.over) void this.recordings.freezeBlock(row);
        onBlock(row);
      },
    });
    this.now = now;
    this.main = main;
    this.watchdog = watchdog;
    this.snapshots = new Snapshots(main, watchdog, now);
    this.recordings = new Recordings({
      main,
      watchdog,
      files,
      isOn: settings.record !== null,
      now,
      process: () => this.process(),
    });
  }

  /** The figures of the last second; undefined before the first. */
  get figures(): Figures | undefined {
    return this.#figures;
  }

  /** Of the blocks that are over: their number and milliseconds. */
  get blockTotals(): { readonly count: number; readonly ms: number } {
    this.#countBlocks();
    return this.#blocks;
  }

  /** The process of the thread, now. */
  process(): ProcessRow {
    return { ...this.data.process, uptime: process.uptime() * 1000, rss: process.memoryUsage().rss };
  }

  /** Asks for a sample. It does not come before the thread runs. @param fresh begins a new stream */
  sample(fresh: boolean): Promise<Sample> {
    this.#sources.post({ type: 'sample', fresh });
    return new Promise((resolve) => this.#samples.push(resolve));
  }

  /** Nobody looks any more. */
  lookAway(): void {
    this.#sources.post({ type: 'look-away' });
  }

  /** Takes a message of the thread. Returns false if it is for others. */
  take(message: ToWorker): boolean {
    if (message.type === 'answer') this.main.answered(message.id, message.text);
    else if (message.type === 'sample') {
      this.#sources.files.add(message.sample.places);
      this.#samples.shift()?.(message.sample);
    } else if (message.type === 'figures') {
      this.#figures = message.figures;
      this.#countBlocks(); // before old ones are forgotten
      this.#sources.onFigures(message.figures);
    } else if (message.type === 'kept') {
      const kept = this.snapshots.keep(message.at, message.text);
      if (kept !== undefined) void this.recordings.freezeWarning(kept);
    } else if (message.type === 'error') void this.recordings.freezeError(message.what);
    else if (message.type === 'recorder') this.recordings.begun(message.ring);
    else return false;
    return true;
  }

  [Symbol.dispose](): void {
    this.watchdog[Symbol.dispose]();
  }

  /** Counts each block once it is over. Their ids count up. */
  #countBlocks(): void {
    for (const { id, over, ms } of this.watchdog.blocks) {
      if (!over || id <= this.#blocks.count) continue;
      this.#blocks.count = id;
      this.#blocks.ms += ms;
    }
  }
}
