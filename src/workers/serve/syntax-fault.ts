// Where a program has a syntax error. For an ES module, Node says so only when the error ends the process:
// the error itself has no place. A worker that fails has to tell its supervisor, so the runtime is asked
// again, which only parses (`--check`). The program is not run a second time.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** How many files are looked at: those that were saved last come first. */
const MOST_CHECKED = 5;
/** How many files are followed through their imports. */
const MOST_FOLLOWED = 200;
/** Milliseconds for one file. */
const TIMEOUT = 5000;
/** The relative imports that are followed before any code runs. */
const IMPORTS = /(?:^|[;}\s])(?:import|export)\s*(?:[\w\s{},*$]+\s*from\s*)?['"](\.{1,2}\/[^'"]+)['"]/g;

/**
 * Returns the place, the line and the error of a file, or of one that it imports, that cannot be
 * parsed; several lines. Undefined if there is none.
 */
export function findSyntaxFault(file: string): string | undefined {
  const files = followed(file).sort((a, b) => b.savedAt - a.savedAt);
  for (const { path } of files.slice(0, MOST_CHECKED)) {
    const { stderr } = spawnSync(process.execPath, ['--check', path], { encoding: 'utf8', timeout: TIMEOUT });
    const fault = /^[^]*?^SyntaxError: .*$/m.exec(stderr)?.[0];
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function followed(file: string): { path: string; savedAt: number }[] {
  const found = new Map<string, number>();
  const queue = [file];
  for (const path of queue) {
    if (found.has(path) || found.size >= MOST_FOLLOWED) continue;
    const saved = statSync(path, { throwIfNoEntry: false });
    if (saved?.isFile() !== true) continue;
    found.set(path, saved.mtimeMs);
    for (const [, target = ''] of readFileSync(path, 'utf8').matchAll(IMPORTS))
      queue.push(resolve(dirname(path), target));
  }
  return [...found].map(([path, savedAt]) => ({ path, savedAt }));
}
