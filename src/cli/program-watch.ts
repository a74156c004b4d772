// `--reload`: watches the source files of the program that is served.
//
// What a program has imported cannot be asked for on every runtime. So the whole folder of the program
// is watched: the nearest one above FILE that has a package.json. Only source files count. Data that
// the program itself writes there, such as a JSON file, would otherwise reload it for ever.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { type FileWatcher, watch } from '../files.node.ts';
import { InvalidStateError } from '../index.node.ts';

/** Milliseconds of silence after a save. Editors and checkouts save several files at once. */
const DEBOUNCE = 100;
const SOURCES: ReadonlySet<string> = new Set(['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs', '.jsx', '.wasm']);

/** The saves of a program's source files. */
export class ProgramWatch implements AsyncDisposable {
  readonly #file: string;
  readonly #folder: string;
  readonly #watcher: FileWatcher;

  constructor(file: string) {
    this.#file = resolve(file);
    this.#folder = programFolder(this.#file);
    const ignore = (path: string): boolean => path !== this.#folder && isIgnored(path);
    this.#watcher = watch(this.#folder, { ignore, debounce: DEBOUNCE });
  }

  /** Waits until every later save is seen. @throws the error of the system, and CancelledError */
  ready(): Promise<void> {
    return this.#watcher.ready();
  }

  /**
   * Waits for saves, and returns their paths as a user in this folder would write them. Cancellable,
   * and loses none.
   * @throws InvalidStateError once closed; CancelledError
   */
  async next(): Promise<string[]> {
    for (;;) {
      const { done, value = [] } = await this.#watcher.next();
      if (done === true) throw new InvalidStateError('Cannot wait for saves: the watch is closed');
      const saved = value.map(({ path }) => path).filter((path) => this.#isSource(path));
      if (saved.length > 0) return saved.map((path) => shortPath(path));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watcher[Symbol.asyncDispose]();
  }

  #isSource(path: string): boolean {
    return SOURCES.has(extname(path)) || path === this.#file;
  }
}

/** Packages, and what is hidden: repositories, caches, an editor's own files. */
function isIgnored(path: string): boolean {
  const name = basename(path);
  return name === 'node_modules' || name.startsWith('.');
}

/** The folder that is watched for the program `file`, an absolute path. */
export function programFolder(file: string): string {
  const own = dirname(file);
  // A home folder with a package.json is a slip, and everything is in it.
  for (let at = own; at !== dirname(at) && at !== homedir(); at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at;
  }
  return own;
}

function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}
