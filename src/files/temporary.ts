// Temporary folders that are removed with the scope that made them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atScopeEnd, reportException } from '../core/index.ts';

/** A folder that is removed, with its content, when it is disposed. */
export interface TemporaryFolder extends Disposable {
  readonly path: string;
}

/**
 * Makes an empty folder for temporary files, readable only by this user. It is removed, with its
 * content, when you dispose the result or when the scope of the caller ends (a task, or the body of
 * a timeout or group), whichever comes first. Does not wait. Python: `tempfile.TemporaryDirectory`.
 * @param prefix how the name of the folder starts; defaults to `maitre-`
 * @throws the error of the system
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
  const removal = atScopeEnd(() => {
    try {
      rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      reportException({ message: `Cannot remove the temporary folder ${path}`, error });
    }
  });
  return { path, [Symbol.dispose]: () => removal[Symbol.dispose]() };
}
