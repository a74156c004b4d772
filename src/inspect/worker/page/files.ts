// The files of the page. Only those that are in its folder are served, by their names: a path is
// looked up in a list, and never made into a path of the system.
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

/** A file that is served. */
export interface PageFile {
  readonly type: string;
  read(): Promise<Buffer>;
}

/** Returns the files of a folder, by the path under which they are served. */
export function listFiles(folder: URL): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  const base = fileURLToPath(folder);
  for (const name of namesIn(base)) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const file = { type, read: () => readFile(join(base, name)) };
    files.set(`/${name}`, file);
    if (name === 'index.html') files.set('/', file);
  }
  return files;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // the page was not built
  }
}
