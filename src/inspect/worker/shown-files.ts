// The lines of source files that viewers may read: those of files that a place was in which they were
// shown, and no other file.
import { readFile, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Place, Recording } from '../../introspect/index.ts';
import type { Methods } from '../protocol/index.ts';
import { RequestError } from './request-error.ts';

/** The most files. */
const MOST_FILES = 10_000;
/** The most lines of an answer, and the most characters of a line. */
const MOST_LINES = 1000;
const LONGEST_LINE = 2000;
/** The lines before and after each place of a recording, and the most of all together. */
const AROUND = 10;
const MOST_AROUND = 4000;
/** The largest file, in bytes. */
const LARGEST = 5_000_000;

export class ShownFiles {
  readonly #files = new Set<string>();

  /** Notes the files of places that are shown to a viewer. */
  add(places: Iterable<Place | null>): void {
    for (const place of places) if (place !== null && this.#files.size < MOST_FILES) this.#files.add(place.file);
  }

  /** @throws RequestError for a file that was not shown, and for one that cannot be read */
  async lines({ file, from, to }: Methods['source']['params']): Promise<Methods['source']['result']> {
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < 1 || to < from || to - from >= MOST_LINES)
      throw new RequestError('BAD_REQUEST', `from and to must be line numbers, at most ${MOST_LINES} lines`);
    if (!this.#files.has(file)) throw new RequestError('NOT_ALLOWED', 'that is no file of a place that was shown');
    const text = await read(file);
    const lines = text
      .split('\n')
      .slice(from - 1, to)
      .map((line, i) => [from + i, line.slice(0, LONGEST_LINE)] as const);
    return { lines };
  }

  /** The lines around places, by file, for viewers that can ask for no more. Leaves out what cannot be read. */
  async around(places: readonly Place[]): Promise<Recording['source']> {
    this.add(places);
    const wanted = new Map<string, Set<number>>();
    for (const { file, line } of places) {
      const lines = wanted.get(file) ?? new Set();
      wanted.set(file, lines);
      for (let n = Math.max(1, line - AROUND); n <= line + AROUND; n++) lines.add(n);
    }
    const source: Record<string, (readonly [line: number, text: string])[]> = {};
    let left = MOST_AROUND;
    for (const [file, lines] of wanted) {
      const text = await read(file).catch(() => undefined); // a recording goes without it, see above
      if (text === undefined || left <= 0) continue;
      const all = text.split('\n');
      const known = [...lines]
        .sort((a, b) => a - b)
        .filter((line) => line <= all.length)
        .slice(0, left);
      left -= known.length;
      source[file] = known.map((line) => [line, (all[line - 1] ?? '').slice(0, LONGEST_LINE)] as const);
    }
    return source;
  }
}

async function read(file: string): Promise<string> {
  try {
    const path = file.startsWith('file:') ? fileURLToPath(file) : file;
    if (!isAbsolute(path)) throw new Error('not a path');
    const stats = await stat(path);
    if (!stats.isFile() || stats.size > LARGEST) throw new Error('not a source file');
    return await readFile(path, 'utf8');
  } catch {
    throw new RequestError('NOT_FOUND', 'the file cannot be read here');
  }
}
