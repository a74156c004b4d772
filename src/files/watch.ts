// watch: changes of files and folders as an async iterator.
//
// States: OPEN -(return, dispose, an error, the end of its scope or of run)-> CLOSED. In OPEN:
// QUIET -(hint)-> SETTLING -(a while without a hint)-> LOOKING -> QUIET.
//
// - Hints of the system come at any time and only make folders dirty (file-tree.ts). It looks only
//   while a next() waits, and only when nothing is `#found` that was not taken. So a slow consumer
//   slows everything, and what happens meanwhile joins into one change of a path. Memory is bounded
//   by what is watched, however much happens.
// - The last change is never lost: a hint during a look makes its folder dirty again.
// - A next() that was answered and then cancelled puts its changes back.
// - The first look, which begins with the call, finds what is there and reports nothing.
// - While a next() waits, it keeps the process alive. The watches of the system do not.
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
  AsyncIteration,
  callback,
  type Checks,
  checkOptions,
  flag,
  KeepAlive,
  notNegativeMs,
  positiveMs,
  wrongValue,
} from '../base/index.ts';
import {
  answeredWait,
  atScopeEnd,
  beginWait,
  callLater,
  type Handle,
  host,
  Line,
  loopTime,
  mayAnswer,
  QueuedWait,
  reportException,
  Resource,
  type WaitOptions,
} from '../core/index.ts';
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

type Result = IteratorResult<readonly FileChange[], undefined>;

const DONE: Result = { done: true, value: undefined };
const ACTION = 'watch';
const DEBOUNCE = 50;
/** How many times the debounce changes wait at most. */
const MOST_DEBOUNCES = 10;

interface Failure {
  readonly error: unknown;
  /** True once anybody received it: otherwise the end reports it. */
  isReceived: boolean;
}

/** The resource of the iterator. Separate from it, because the `next` of a Resource is a link. */
class Watcher extends Resource {
  readonly #paths: readonly string[];
  readonly #options: WatchOptions;
  readonly #debounce: number;
  readonly #tree: FileTree;
  readonly #line = new Line<Result, NextChanges>();
  readonly #untilReady = new Line<void>();
  /** Changes that a look found and no next() has taken. By path. */
  #found = new Map<string, FileChange>();
  /** The error that a look ended with while no next() waited. The following one rejects with it. */
  #failure: Failure | undefined = undefined;
  #isOpen = true;
  #isReady = false;
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
  readonly #tie: Disposable;
  readonly #alive = new KeepAlive();

  constructor(paths: readonly string[], options: WatchOptions) {
    super();
    const { recursive = true, ignore = () => false, debounce = DEBOUNCE, poll } = options;
    this.#paths = paths;
    this.#options = options;
    this.#debounce = debounce;
    const hints = poll === undefined;
    const onDirty = (): void => this.#onDirty();
    const onRefused = (error: Error): void => this.#failed(error);
    this.#tree = new FileTree({ paths, recursive, ignore, hints, onDirty, onRefused });
    this.#flood = onFlood(() => this.#tree.markAll());
    this.#tie = atScopeEnd(() => void this.close());
    this.markOpened();
    this.#begin(() => this.#tree.checkPaths().then(() => this.#tree.look(() => undefined)));
  }

  get kind(): 'watcher' {
    return 'watcher';
  }

  protected override get hasEnd(): true {
    return true;
  }

  override get label(): string {
    return `watcher ${this.#paths.join(' ')}`;
  }

  statistics(): object {
    const { folders, files } = this.#tree;
    return { paths: this.#paths, folders, files, found: this.#found.size, waiting: this.#line.size };
  }

  override toString(): string {
    return `<Watcher ${this.#paths.join(' ')}>`;
  }

  override endWithin(): Promise<void> {
    return this.close();
  }

  override endNow(): void {
    void this.close();
  }

  ready(): Promise<void> {
    const refused = beginWait(this.#options);
    if (refused !== undefined) return refused;
    if (this.#failure !== undefined) return this.#reject(this.#failure);
    if (!this.#isReady && this.#isOpen) {
      this.#alive.hold(host);
      return this.#untilReady.join(new UntilReady(this, this.#options));
    }
    if (mayAnswer(this.#options)) return Promise.resolve();
    return answeredWait<void>('watch.ready', this, undefined, this.#options);
  }

  take(): Promise<Result> {
    const refused = beginWait(this.#options);
    if (refused !== undefined) return refused;
    if (this.#failure !== undefined) {
      const rejection = this.#reject(this.#failure);
      void this.close();
      return rejection;
    }
    if (!this.#isOpen) {
      return mayAnswer(this.#options) ? Promise.resolve(DONE) : answeredWait('watch.next', this, DONE, this.#options);
    }
    if (this.#found.size > 0 && mayAnswer(this.#options)) {
      return Promise.resolve({ done: false, value: this.#taken() });
    }
    this.#alive.hold(host);
    const promise = this.#line.join(new NextChanges(this, this.#options));
    this.#answer();
    this.#plan();
    return promise;
  }

  /** Called when a next() that was answered with `changes` was cancelled. */
  giveBack(changes: readonly FileChange[]): void {
    const later = this.#found;
    this.#found = new Map(changes.map((change) => [change.path, change]));
    for (const change of later.values()) this.#add(change);
    this.#answer();
  }

  /** Called when a wait has ended: the process may end if no other waits. */
  waiterLeft(): void {
    if (this.#line.size === 0 && this.#untilReady.size === 0) this.#alive.release(host);
  }

  /** Ends it. Resolves when a look that is in progress has ended. Idempotent. Never rejects. */
  async close(): Promise<void> {
    if (this.#isOpen) {
      this.#isOpen = false;
      this.#tree.close();
      this.#flood[Symbol.dispose]();
      this.#tie[Symbol.dispose]();
      this.#timer?.cancel();
      this.#line.answerAll(DONE);
      this.#untilReady.answerAll();
      this.waiterLeft();
      this.markClosed();
      if (this.#failure?.isReceived === false) {
        reportException({ message: `Cannot ${ACTION} ${this.#paths.join(' ')}`, error: this.#failure.error });
      }
      this.#failure = undefined;
    }
    await this.#looking;
  }

  /** Called by the tree for each hint. */
  #onDirty(): void {
    this.#lastHint = loopTime();
    this.#firstHint ??= this.#lastHint;
    this.#plan();
  }

  /** Plans the next look, if one is due some day and none is planned. */
  #plan(): void {
    if (
      !this.#isOpen ||
      this.#failure !== undefined ||
      this.#line.size === 0 ||
      this.#looking !== undefined ||
      this.#timer !== undefined
    )
      return;
    const when = this.#whenToLook();
    if (when === undefined) return;
    this.#timer = callLater(Math.max(0, when - loopTime()), () => {
      this.#timer = undefined;
      if (this.#line.size === 0) return; // the next next() plans anew
      // A hint may have moved it meanwhile. A millisecond earlier or later does not matter.
      if ((this.#whenToLook() ?? Infinity) - loopTime() >= 1) this.#plan();
      else this.#begin(() => this.#look());
    });
  }

  /** When it looks next, on the loop's clock; undefined while there is nothing to look for. */
  #whenToLook(): number | undefined {
    if (this.#options.poll !== undefined) return this.#lastLook + this.#options.poll;
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
        this.#failed(error);
      },
    );
  }

  #look(): Promise<void> {
    if (this.#options.poll !== undefined) this.#tree.markAll();
    return this.#tree.look((change) => this.#add(change));
  }

  #looked(): void {
    this.#looking = undefined;
    this.#lastLook = loopTime();
    this.#isReady = true;
    this.#untilReady.answerAll();
    this.#answer();
    this.waiterLeft();
    this.#plan();
  }

  #failed(error: unknown): void {
    if (!this.#isOpen || this.#failure !== undefined) return; // nobody wants to know any more
    const isReceived = this.#line.size + this.#untilReady.size > 0;
    const isTaken = this.#line.shift()?.fail(error) ?? false;
    this.#untilReady.failAll(() => error);
    if (isTaken) void this.close();
    else {
      this.#failure = { error, isReceived };
      this.#tree.close();
    }
  }

  #reject(failure: Failure): Promise<never> {
    failure.isReceived = true;
    return Promise.reject(failure.error);
  }

  /** Adds what a look found to what was found before. */
  #add(change: FileChange): void {
    if (!this.#isOpen) return;
    const joined = join(this.#found.get(change.path), change);
    if (joined === undefined) this.#found.delete(change.path);
    else this.#found.set(change.path, joined);
  }

  /** Answers the first next() that waits with everything that was found. */
  #answer(): void {
    if (this.#found.size > 0 && this.#line.size > 0) this.#line.answerFirst({ done: false, value: this.#taken() });
    this.waiterLeft();
  }

  /** Takes what was found, in the order of the paths. */
  #taken(): readonly FileChange[] {
    const changes = [...this.#found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
    this.#found.clear();
    return changes;
  }
}

/** Joins two changes of one path. Returns undefined if they undo each other. */
function join(earlier: FileChange | undefined, later: FileChange): FileChange | undefined {
  if (earlier === undefined) return later;
  if (earlier.type === 'created') return later.type === 'removed' ? undefined : { ...later, type: 'created' };
  return later.type === 'created' ? { ...later, type: 'modified' } : later;
}

class UntilReady extends QueuedWait<void> {
  readonly #watcher: Watcher;

  constructor(watcher: Watcher, options: WaitOptions) {
    super('watch.ready', watcher, options);
    this.#watcher = watcher;
  }

  protected override withdraw(answered: boolean, value: void): void {
    super.withdraw(answered, value);
    this.#watcher.waiterLeft();
  }
}

class NextChanges extends QueuedWait<Result> {
  readonly #watcher: Watcher;

  constructor(watcher: Watcher, options: WaitOptions) {
    super('watch.next', watcher, options);
    this.#watcher = watcher;
  }

  protected override withdraw(answered: boolean, value: Result): void {
    super.withdraw(answered, value);
    if (answered && value.done !== true) this.#watcher.giveBack(value.value);
    this.#watcher.waiterLeft();
  }
}

class WatchIteration extends AsyncIteration<readonly FileChange[]> implements FileWatcher {
  readonly #watcher: Watcher;

  constructor(watcher: Watcher) {
    super();
    this.#watcher = watcher;
  }

  ready(): Promise<void> {
    return this.#watcher.ready();
  }

  protected override step(): Promise<Result> {
    return this.#watcher.take();
  }

  protected override end(): Promise<void> {
    return this.#watcher.close();
  }

  override toString(): string {
    return String(this.#watcher);
  }
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
  return new WatchIteration(new Watcher([...new Set(list.map(pathOf))], options));
}

function pathOf(path: unknown): string {
  if (typeof path !== 'string' && !(path instanceof URL)) {
    throw wrongValue(ACTION, '', 'paths or file URLs', path);
  }
  if (path === '') throw new RangeError(`Cannot ${ACTION}: a path must not be empty`);
  const text = normalize(typeof path === 'string' ? path : fileURLToPath(path));
  return text.length > 1 && /[/\\]$/.test(text) ? text.slice(0, -1) : text;
}
