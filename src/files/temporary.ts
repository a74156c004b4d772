// Temporary files and folders that are gone with the scope that made them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atScopeEnd, reportException } from '../core/index.ts';

/** A folder that is removed, with all that is in it, when it is disposed of. */
export interface TemporaryFolder extends Disposable {
  readonly path: string;
}

/**
 * Makes an empty folder for temporary files, which only this user can read. It is removed, with all that is in it, when the result
 * is disposed of or the scope of the caller ends (a task, or the body of a timeout or group), whichever comes first.
 * @throws the system's error
 *
 * @example
 * ```ts
 * import { temporaryFolder, writeAtomically } from 'maitre/files';
 * using folder = temporaryFolder();
 * await writeAtomically(`${folder.path}/menu.txt`, 'soup');
 * ```
 */
export function temporaryFolder(prefix = 'maitre-'): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), prefix));
  let isThere = true;
  const remove = (): void => {
    if (!isThere) return;
    isThere = false;
    try {
      rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      reportException({ message: `Cannot remove the temporary folder ${path}`, error });
    }
  };
  const tie = atScopeEnd(remove);
  return {
    path,
    [Symbol.dispose](): void {
      tie[Symbol.dispose]();
      remove();
    },
  };
}
