// watch: changes of files and folders as an async iterator.
//
// States, while the source is open: QUIET -(hint)-> SETTLING -(a while without a hint)-> LOOKING ->
// QUIET.
//
// - Hints of the system come at any time and only make folders dirty (file-tree.ts). It looks only
//   while a next() waits, and only when nothing is `#found` that was not taken. So a slow consumer
//   slows everything, and what happens meanwhile joins into one change of a path. Memory is bounded
//   by what is watched, however much happens.
// - The last change is never lost: a hint during a look makes its folder dirty again.
// - The first look, which begins with the call, finds what is there and reports nothing.
//
// Example, with a debounce of 50 ms: a checkout touches 300 files within 80 ms, at 0 ms the first.
// Each hint moves the look: the last one, at 80 ms, to 130 ms. Hints that never pause could move it
// for ever, so it comes at 500 ms at the latest. The look finds 300 changes, which are one item.
//
// Rejected, each tried on Node 20 to 26, Bun and Deno: node:fs.watch alone, chokidar and
// @parcel/watcher. docs/design.md says what they lost.
import { fileURLToPath } from 'node:url';
import { normalize } from 'node:path';
import {
  anything,
  callback,
  type Checks,
  checkOptions,
  flag,
  notNegativeMs,
  positiveMs,
  wrongValue,
} from '../base/index.ts';
import { callLater, type Handle, loopTime, type WaitOptions } from '../core/index.ts';
import { Source, SourceIterator } from '../streams/index.ts';
import { type FileChange, FileTree } from './file-tree.ts';
import { onFlood } from './folder-hints.ts';

/** Options of `watch`. */
export interface WatchOptions extends WaitOptions {
  /** Includes all folders inside a watched folder. Defaults to true. */
  readonly recursive?: boolean | undefined;
  /**
   * Leaves out the files and folders for which it returns true, with all that is in them. Receives
   * the path as changes have it. Defaults to none.
   */
  readonly ignore?: ((path: string) => boolean) | undefined;
  /**
   * Milliseconds without a further change after which changes are yielded. After ten times as long
   * they are yielded in any case. Defaults to 50.
   */
  readonly debounce?: number | undefined;
  /**
   * Looks at everything each time that many milliseconds have passed, in place of requesting
   * notifications from the system. For file systems that have none, such as those of a network.
   */
  readonly poll?: number | undefined;
}

/** The checks for every option of `watch`. */
export const WATCH: Checks<WatchOptions> = {
  recursive: flag,
  ignore: callback,
  debounce: notNegativeMs,
  poll: positiveMs,
  signal: anything,
};

/** The result of `watch`. Leave the loop, or dispose it, to stop watching. */
export interface FileWatcher extends AsyncIterableIterator<readonly FileChange[], undefined>, AsyncDisposable {
  /**
   * Waits until the watched files are known: every later change is yielded. Changes between the
   * call of `watch` and then may be missed. Cancellable.
   * @throws the error of the system if a path is missing or cannot be watched
   * @throws CancelledError
   */
  ready(): Promise<void>;
}

const ACTION = 'watch';
const DEBOUNCE = 50;
/** How many times the debounce changes wait at most. */
const MOST_DEBOUNCES = 10;

class Watcher extends Source<readonly FileChange[]> {
  readonly #paths: readonly string[];
  readonly #debounce: number;
  readonly #poll: number | undefined;
  readonly #tree: FileTree;
  /** Changes that a look found and no next() has taken. By path. */
  #found = new Map<string, FileChange>();
  /** When the first and the last hint since the last look came; undefined for none. */
  #firstHint: number | undefined = undefined;
  #lastHint = 0;
  /** When the last look ended. */
  #lastLook = 0;
  /** Undefined unless a look is planned. */
  #timer: Handle | undefined = undefined;
  /** The look in progress; undefined without one. Never rejects. */
  #looking: Promise<void> | undefined = undefined;
  readonly #flood: Disposable;

  constructor(paths: readonly string[], options: WatchOptions) {
    super();
    const { recursive = true, ignore = () => false, debounce = DEBOUNCE, poll } = options;
    this.#paths = paths;
    this.#debounce = debounce;
    this.#poll = poll;
    const hints = poll === undefined;
    const onDirty = (): void => this.#onDirty();
    const onRefused = (error: Error): void => this.fail(error);
    this.#tree = new FileTree({ paths, recursive, ignore, hints, onDirty, onRefused });
    this.#flood = onFlood(() => this.#tree.markAll());
    this.open();
    this.#begin(() => this.#tree.checkPaths().then(() => this.#tree.look(() => undefined)));
  }

  get kind(): 'watcher' {
    return 'watcher';
  }

  override get label(): string {
    return `watcher ${this.#paths.join(' ')}`;
  }

  statistics(): object {
    const { folders, files } = this.#tree;
    return { paths: this.#paths, folders, files, found: this.#found.size, waiting: this.waiting };
  }

  override toString(): string {
    return `<Watcher ${this.#paths.join(' ')}>`;
  }

  /** Takes everything that was found, in the order of the paths. */
  protected override takeItem(): readonly FileChange[] | undefined {
    if (this.#found.size === 0) return undefined;
    const changes = [...this.#found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
    this.#found.clear();
    return changes;
  }

  protected override putBack(changes: readonly FileChange[]): void {
    const later = this.#found;
    this.#found = new Map(changes.map((change) => [change.path, change]));
    for (const change of later.values()) this.#add(change);
  }

  protected override onWait(): void {
    this.#plan();
  }

  protected override onEnd(): void {
    this.#tree.close();
    this.#flood[Symbol.dispose]();
    this.#timer?.cancel();
  }

  protected override get remainder(): Promise<void> | undefined {
    return this.#looking;
  }

  /** Called by the tree for each hint. */
  #onDirty(): void {
    this.#lastHint = loopTime();
    this.#firstHint ??= this.#lastHint;
    this.#plan();
  }

  /** Plans the next look, if one is due some day and none is planned. */
  #plan(): void {
    const isBusy = this.#looking !== undefined || this.#timer !== undefined;
    const when = this.isOpen && this.waiting > 0 && !isBusy ? this.#whenToLook() : undefined;
    if (when === undefined) return;
    this.#timer = callLater(Math.max(0, when - loopTime()), () => {
      this.#timer = undefined;
      if (this.waiting === 0) return; // the next next() plans anew
      // A hint may have moved it meanwhile. A millisecond earlier or later does not matter.
      if ((this.#whenToLook() ?? Infinity) - loopTime() >= 1) this.#plan();
      else this.#begin(() => this.#look());
    });
  }

  /** When it looks next, on the loop's clock; undefined while there is nothing to look for. */
  #whenToLook(): number | undefined {
    if (this.#poll !== undefined) return this.#lastLook + this.#poll;
    if (this.#tree.isClean) return undefined;
    const first = this.#firstHint ?? 0;
    return Math.min(this.#lastHint + this.#debounce, first + MOST_DEBOUNCES * this.#debounce);
  }

  #begin(look: () => Promise<void>): void {
    this.#firstHint = undefined;
    this.#looking = look().then(
      () => this.#looked(),
      (error: unknown) => {
        this.#looking = undefined;
        this.fail(error);
      },
    );
  }

  #look(): Promise<void> {
    if (this.#poll !== undefined) this.#tree.markAll();
    return this.#tree.look((change) => this.#add(change));
  }

  #looked(): void {
    this.#looking = undefined;
    this.#lastLook = loopTime();
    this.markReady();
    this.offer();
    this.#plan();
  }

  /** Adds what a look found to what was found before. */
  #add(change: FileChange): void {
    const joined = join(this.#found.get(change.path), change);
    if (joined === undefined) this.#found.delete(change.path);
    else this.#found.set(change.path, joined);
  }
}

/** Joins two changes of one path. Returns undefined if they undo each other. */
function join(earlier: FileChange | undefined, later: FileChange): FileChange | undefined {
  if (earlier === undefined) return later;
  if (earlier.type === 'created') return later.type === 'removed' ? undefined : { ...later, type: 'created' };
  return later.type === 'created' ? { ...later, type: 'modified' } : later;
}

/**
 * Watches files and folders, and yields what has changed: arrays of changes, in the order of their
 * paths. A file that was saved is one change, however the program wrote it: into the file, or into
 * another one that took its name. A watched path may vanish and come back.
 *
 * What happens until your loop asks for more joins: a file that was modified three times is one
 * change, and one that was created and removed is none. So memory is bounded, and a slow loop loses
 * no change of a file that is still there.
 *
 * It ends when you leave the loop, dispose it, or when the scope of the caller ends (a task, or the
 * body of a timeout or group). `next()` is cancellable and loses no change. While it waits, it keeps
 * the process alive.
 * @param paths one path or several, as text or file URLs; each must be there
 * @throws TypeError or RangeError for wrong options
 * @throws the error of the system, from `next()`: a path is missing, or cannot be watched
 * @throws CancelledError, from `next()`
 *
 * @example
 * ```ts
 * import { watch } from 'maitre/files';
 * for await (const changes of watch('src', { ignore: (path) => path.endsWith('.tmp') })) {
 *   for (const { type, path } of changes) console.log(type, path); // modified src/menu.ts
 * }
 * ```
 */
export function watch(paths: string | URL | readonly (string | URL)[], options: WatchOptions = {}): FileWatcher {
  checkOptions(ACTION, options, WATCH);
  const list = Array.isArray(paths) ? (paths as readonly unknown[]) : [paths];
  if (list.length === 0) throw new RangeError(`Cannot ${ACTION}: expected one path or more, got an empty array`);
  return new SourceIterator(new Watcher([...new Set(list.map(pathOf))], options), options);
}

function pathOf(path: unknown): string {
  if (typeof path !== 'string' && !(path instanceof URL)) {
    throw wrongValue(ACTION, '', 'paths or file URLs', path);
  }
  if (path === '') throw new RangeError(`Cannot ${ACTION}: a path must not be empty`);
  const text = normalize(typeof path === 'string' ? path : fileURLToPath(path));
  return text.length > 1 && /[/\\]$/.test(text) ? text.slice(0, -1) : text;
}
