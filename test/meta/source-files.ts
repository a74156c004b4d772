// What the meta-tests share: where the repository is, its files, and their text without comments.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root; this file runs as build/test/meta/source-files.js. */
export const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The files below a folder of the repository whose names end in `suffix`, relative to the root, with `/`; none if it is missing. */
export function listFiles(folder: string, suffix = ''): string[] {
  const base = join(root, folder);
  if (!existsSync(base)) return [];
  return readdirSync(base, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll('\\', '/'))
    .sort();
}

/** The text of a file of the repository. */
export function readText(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/**
 * Blanks out comments and the insides of templates, and with `strings` those of quoted strings too; line numbers stay.
 * Not a parser: a quote inside a regular expression can hide the rest of its line, which the sources avoid.
 */
export function stripComments(code: string, { strings = false } = {}): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return code.replace(token, (text) => {
    const isQuoted = text.startsWith("'") || text.startsWith('"');
    return isQuoted && !strings ? text : text.replace(/[^\n]/g, ' ');
  });
}
