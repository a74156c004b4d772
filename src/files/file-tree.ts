// FileTree: what was last seen of the watched files, and the look that finds what has changed.
//
// It has a folder object for every folder from the root of the file system down to each watched
// path. Of those, only the next name on the way matters. If the path is a folder, it also has one
// for it and for each folder inside. So anything on the way may vanish, be replaced or come back.
//
// A folder is CLEAN -(hint)-> DIRTY -(a look reads it)-> CLEAN. What always holds:
//
// - Hints before reading: a look requests hints of a folder and then reads it. What happens before
//   the reading is read. What happens later brings a hint.
// - A look takes a folder off `#dirty` before it reads it, so a hint meanwhile is kept.
// - A changed folder is told apart by its inode *and* its time of birth: a new folder often gets
//   the inode of the one that was just removed.
// - A file is compared by inode, size, times of modification and of change. A clock of file times
//   ticks every few milliseconds: two writes of one tick can leave the same figures. So the figures
//   of a file that was modified within the last ticks are not kept: the next look takes it for
//   modified again. A look that finds such files waits for some ticks and looks at them once more.
//
// Example: an editor saves `a` by writing `a.tmp` and renaming it to `a`. Whatever hints come, the
// look finds `a` with another inode, and nothing else: one change, of `a`.
import type { BigIntStats } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { requestHints, WATCHES_BRANCHES } from './folder-hints.ts';

/** A change of a file or folder. */
export interface FileChange {
  readonly type: 'created' | 'modified' | 'removed';
  /** The path, which begins as the watched path was written. */
  readonly path: string;
  readonly isFolder: boolean;
}

/** What a FileTree is to see. */
export interface FileTreeOptions {
  /** The watched paths as they were written. */
  readonly paths: readonly string[];
  /** Includes the content of folders in a watched folder. */
  readonly recursive: boolean;
  /** Leaves out what it returns true for. */
  readonly ignore: (path: string) => boolean;
  /** Requests hints. False if looks come without. */
  readonly hints: boolean;
  /** Called when a folder has become dirty. */
  readonly onDirty: () => void;
  /** Called when hints are refused after a look has ended. */
  readonly onRefused: (error: Error) => void;
}

/** Receives what a look finds. */
export type Report = (change: FileChange) => void;

/** The longest tick of a clock of file times, in milliseconds, and of one that counts seconds. */
const TICK = 20;
const COARSE_TICK = 2000;
/** How often a look waits for files that are too young to compare. */
const MOST_LOOKS = 4;
/** How many files are examined at once. */
const AT_ONCE = 64;
/** Kept of a file that is too young to compare. No figures of a file are equal to it. */
const TOO_YOUNG = '';

class Folder {
  /** The absolute path. */
  readonly path: string;
  /** The path as changes have it. On the way to a watched path, that path. */
  readonly shown: string;
  /** The names that lead from here to the watched path. Empty in and below it. */
  readonly way: readonly string[];
  /** The folder that has it; undefined at the root of the file system. */
  readonly around: Folder | undefined;
  /** What was last seen in it: a folder, or the figures of a file. */
  readonly entries = new Map<string, Folder | string>();
  /** Inode and birth; empty to begin its hints anew. */
  identity = '';
  hints: Disposable | undefined = undefined;
  /** Hints of the watched file: a link to it may lead to another folder. */
  fileHints: Disposable | undefined = undefined;
  fileIdentity = '';
  /** True once it is not in the tree any more. */
  isGone = false;

  constructor(path: string, shown: string, way: readonly string[], around: Folder | undefined) {
    this.path = path;
    this.shown = shown;
    this.way = way;
    this.around = around;
  }

  /** The path of an entry as changes have it. */
  shownOf(name: string): string {
    return this.way.length > 0 ? this.shown : join(this.shown, name);
  }

  /** True if changes of its entries are reported: it is no mere stop on the way to a watched path. */
  get isReported(): boolean {
    return this.way.length <= 1;
  }
}

export class FileTree {
  readonly #options: FileTreeOptions;
  /** The root of the file system, once for each watched path. */
  readonly #tops: readonly Folder[];
  readonly #dirty = new Set<Folder>();
  #isClosed = false;
  /** The folders and files in the watched paths. */
  folders = 0;
  files = 0;

  constructor(options: FileTreeOptions) {
    this.#options = options;
    this.#tops = options.paths.map((shown) => {
      const path = resolve(shown);
      let top = path;
      while (dirname(top) !== top) top = dirname(top);
      return new Folder(top, shown, namesOf(relative(top, path)), undefined);
    });
    for (const top of this.#tops) this.#dirty.add(top);
  }

  /** True if no hint has come since the last look. */
  get isClean(): boolean {
    return this.#dirty.size === 0;
  }

  /** Makes all folders dirty. */
  markAll(): void {
    for (const top of this.#tops) this.#markBranch(top);
    this.#options.onDirty();
  }

  /**
   * Rejects unless every watched path is there.
   * @throws the error of the system
   */
  async checkPaths(): Promise<void> {
    for (const path of this.#options.paths) await stat(path);
  }

  /**
   * Looks at every dirty folder, and calls `report` for each change since it was last seen. One
   * look at a time. The same path can be reported several times.
   * @throws the error of the system if a folder cannot be read or watched
   */
  async look(report: Report): Promise<void> {
    for (let looks = 1; ; looks++) {
      const work = [...this.#dirty];
      const young = new Set<Folder>();
      this.#dirty.clear();
      for (let folder = work.pop(); folder !== undefined; folder = work.pop()) {
        await this.#read(folder, work, young, report);
        if (this.#isClosed) return;
      }
      if (young.size === 0 || looks === MOST_LOOKS) return;
      await pause(TICK);
      for (const folder of young) if (!folder.isGone) this.#dirty.add(folder);
    }
  }

  /** Ends all hints. A look that is in progress ends soon and reports nothing more. */
  close(): void {
    this.#isClosed = true;
    for (const top of this.#tops) this.#drop(top);
    this.#dirty.clear();
  }

  /**
   * Compares a folder with what was last seen of it. Puts the folders in it that are new into
   * `work`, and itself into `young` if it has files too young to compare.
   */
  async #read(folder: Folder, work: Folder[], young: Set<Folder>, report: Report): Promise<void> {
    if (folder.isGone) return;
    if (folder.around === undefined && folder.hints === undefined) this.#requestHints(folder);
    const found = await this.#examine(folder);
    if (found === undefined || folder.isGone || this.#isClosed) return;
    for (const name of folder.entries.keys()) if (!found.has(name)) this.#forget(folder, name, report);
    for (const [name, stats] of found) {
      if (stats.isDirectory()) this.#compareFolder(folder, name, stats, work, report);
      else if (folder.isReported) this.#compareFile(folder, name, stats, work, young, report);
      else this.#forget(folder, name, report); // a file stands in the way
    }
  }

  /** Reads a folder. Returns undefined if it is gone: the look at the one around it finds that. */
  async #examine(folder: Folder): Promise<Map<string, BigIntStats> | undefined> {
    const [next] = folder.way;
    let names = [next as string]; // used only if there is one
    if (next === undefined) {
      try {
        names = await readdir(folder.path);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
      names = names.filter((name) => !this.#options.ignore(join(folder.shown, name)));
    }
    const found = new Map<string, BigIntStats>();
    // Links in a watched folder are not followed; those on the way are.
    const examine = next === undefined ? examineEntry : examineWay;
    for (let at = 0; at < names.length; at += AT_ONCE) {
      const some = names.slice(at, at + AT_ONCE);
      const stats = await Promise.all(some.map((name) => examine(join(folder.path, name))));
      for (const [index, each] of stats.entries()) if (each !== undefined) found.set(some[index] as string, each);
    }
    return found;
  }

  #compareFolder(folder: Folder, name: string, stats: BigIntStats, work: Folder[], report: Report): void {
    const identity = `${stats.dev} ${stats.ino} ${stats.birthtimeNs}`;
    let known = folder.entries.get(name);
    if (typeof known === 'string') {
      this.#forget(folder, name, report);
      known = undefined;
    }
    if (known === undefined) {
      known = new Folder(join(folder.path, name), folder.shownOf(name), folder.way.slice(1), folder);
      folder.entries.set(name, known);
      if (folder.isReported) {
        this.folders++;
        report({ type: 'created', path: known.shown, isFolder: true });
      }
    }
    if (known.identity === identity) return;
    known.identity = identity;
    if (folder.way.length === 0 && !this.#options.recursive) return;
    this.#requestHints(known);
    work.push(known);
  }

  #compareFile(
    folder: Folder,
    name: string,
    stats: BigIntStats,
    work: Folder[],
    young: Set<Folder>,
    report: Report,
  ): void {
    if (folder.entries.get(name) instanceof Folder) this.#forget(folder, name, report);
    if (folder.way.length === 1) this.#requestFileHints(folder, name, stats, work);
    const known = folder.entries.get(name);
    const figures = `${stats.dev} ${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
    if (known === figures) return;
    const isYoung = isTooYoung(stats);
    if (isYoung) young.add(folder);
    folder.entries.set(name, isYoung ? TOO_YOUNG : figures);
    if (known === undefined) this.files++;
    report({ type: known === undefined ? 'created' : 'modified', path: folder.shownOf(name), isFolder: false });
  }

  /** Removes an entry, with all that is in it. */
  #forget(folder: Folder, name: string, report: Report): void {
    const known = folder.entries.get(name);
    if (known === undefined) return;
    folder.entries.delete(name);
    const isFolder = known instanceof Folder;
    if (folder.isReported) {
      if (isFolder) this.folders--;
      else this.files--;
      report({ type: 'removed', path: folder.shownOf(name), isFolder });
    }
    if (!isFolder) return;
    for (const each of known.entries.keys()) this.#forget(known, each, report);
    this.#drop(known);
  }

  /** Ends the hints of a folder and of the folders in it. */
  #drop(folder: Folder): void {
    folder.isGone = true;
    folder.hints?.[Symbol.dispose]();
    folder.fileHints?.[Symbol.dispose]();
    this.#dirty.delete(folder);
    for (const entry of folder.entries.values()) if (entry instanceof Folder) this.#drop(entry);
  }

  /** Begins the hints of a folder anew. Call it before the folder is read. */
  #requestHints(folder: Folder): void {
    folder.hints?.[Symbol.dispose]();
    folder.hints = undefined;
    if (!this.#options.hints) return;
    const isIn = folder.way.length === 0; // in a watched folder, or one itself
    if (WATCHES_BRANCHES && isIn && folder.around?.way.length === 0) return; // a folder around it has them
    const branches = WATCHES_BRANCHES && isIn && this.#options.recursive;
    try {
      folder.hints = requestHints(folder.path, {
        branches,
        // In the folder of a watched file nothing is left out: the file counts for more than speed.
        only: folder.way.length > 1 ? folder.way[0] : undefined,
        onHint: () => (branches ? this.#hintBranch(folder) : this.#hint(folder)),
        onLost: () => this.#lost(folder),
        onRefused: this.#options.onRefused,
      });
      if (folder.hints === undefined) folder.identity = '';
    } catch (error) {
      // Some folders on the way may be passed, but not watched: the others have to do.
      if (isIn || !isDenied(error)) throw error;
    }
  }

  /** Begins the hints of a watched file anew if it is another one, and has it examined once more. */
  #requestFileHints(folder: Folder, name: string, stats: BigIntStats, work: Folder[]): void {
    const identity = `${stats.dev} ${stats.ino}`;
    if (!this.#options.hints || folder.fileIdentity === identity) return;
    folder.fileHints?.[Symbol.dispose]();
    folder.fileIdentity = identity;
    try {
      folder.fileHints = requestHints(join(folder.path, name), {
        branches: false,
        only: undefined,
        onHint: () => this.#hint(folder),
        onLost: () => this.#hint(folder),
        onRefused: this.#options.onRefused,
      });
    } catch (error) {
      if (!isDenied(error)) throw error;
    }
    work.push(folder);
  }

  #hint(folder: Folder): void {
    if (folder.isGone) return;
    this.#dirty.add(folder);
    this.#options.onDirty();
  }

  /** A hint for a folder with all that is in it. */
  #hintBranch(folder: Folder): void {
    if (folder.isGone) return;
    this.#markBranch(folder);
    this.#options.onDirty();
  }

  #markBranch(folder: Folder): void {
    this.#dirty.add(folder);
    for (const entry of folder.entries.values()) if (entry instanceof Folder) this.#markBranch(entry);
  }

  /** Its hints have ended: the look at the folder around it finds why, and begins them anew. */
  #lost(folder: Folder): void {
    folder.identity = '';
    this.#hint(folder.around ?? folder);
  }
}

/** The names on a way. None for an empty one: the root of the file system is watched. */
function namesOf(way: string): string[] {
  return way === '' ? [] : way.split(sep);
}

/** Returns the figures of an entry, or undefined if it is gone meanwhile. */
function examineEntry(path: string): Promise<BigIntStats | undefined> {
  return lstat(path, { bigint: true }).catch(orMissing);
}

/** `examineEntry` of what a link leads to. */
function examineWay(path: string): Promise<BigIntStats | undefined> {
  return stat(path, { bigint: true }).catch(orMissing);
}

/** Whether a file was modified so lately that a further write may leave the same figures. */
function isTooYoung({ mtimeNs }: BigIntStats): boolean {
  const tick = mtimeNs % 1_000_000_000n === 0n ? COARSE_TICK : TICK;
  return Math.abs(Date.now() - Number(mtimeNs / 1_000_000n)) < tick;
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code));
}

function isDenied(error: unknown): boolean {
  return ['EACCES', 'EPERM'].includes(String((error as NodeJS.ErrnoException).code));
}

function orMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}
