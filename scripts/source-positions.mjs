// Names sources in what tests print. `--enable-source-maps` would do so while they run, in every process, for a tenth of
// the time of all tests; here it is done for what has failed.

import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { root } from './setup.mjs';

/** Replaces the positions in compiled files, as stack traces have them, by those in their sources. */
export function withSourcePositions(text) {
  const maps = new Map();
  const mapOf = (file) => {
    if (!maps.has(file)) {
      const path = `${file}.map`;
      maps.set(file, existsSync(path) ? new SourceMap(JSON.parse(readFileSync(path, 'utf8'))) : undefined);
    }
    return maps.get(file);
  };
  return text.replace(/(?:file:\/\/)?(\/[^\s():]+\.js):(\d+):(\d+)/g, (position, file, line, column) => {
    if (!file.startsWith(join(root, 'build/')) && !file.startsWith(join(root, 'dist/'))) return position;
    const { originalSource, originalLine, originalColumn } = mapOf(file)?.findEntry(line - 1, column - 1) ?? {};
    if (originalSource === undefined) return position;
    return `${relative(root, resolve(file, '..', originalSource))}:${originalLine + 1}:${originalColumn + 1}`;
  });
}
