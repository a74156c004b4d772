// writeAtomically: replaces a file so that no reader ever sees half of it, even after a crash.
//
// The order matters: write a new file beside the target, flush it to the disk, rename it, flush the
// folder. A rename before the flush could survive a crash while the content does not.
import { open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { anything, type Checks, checkOptions, integerFrom } from '../base/index.ts';
import { cancellable, inTask, random, type WaitOptions } from '../core/index.ts';

/** Options of `writeAtomically`. */
export interface WriteAtomicallyOptions extends WaitOptions {
  /** The permissions of the file. Defaults to 0o666, less the umask. */
  readonly mode?: number | undefined;
}

/** The checks for every option of writeAtomically. */
export const WRITE_ATOMICALLY: Checks<WriteAtomicallyOptions> = { mode: integerFrom(0, 0o7777), signal: anything };

/**
 * Replaces a file, or creates it. A reader sees the old content or the new one, never a part, even
 * if the system crashes meanwhile. It writes a file beside the target, flushes it to the disk and
 * renames it. Cancellable; before the rename, a cancel leaves the old file and nothing else.
 * @param path the file, as a path or a file URL
 * @param data text (as UTF-8) or bytes
 * @throws the error of the system
 * @throws CancelledError
 *
 * @example
 * ```ts
 * import { writeAtomically } from 'maitre/files';
 * await writeAtomically('/tmp/menu.json', JSON.stringify({ soup: 4 }));
 * ```
 */
export function writeAtomically(
  path: string | URL,
  data: string | Uint8Array,
  options: WriteAtomicallyOptions = {},
): Promise<void> {
  checkOptions('write atomically', options, WRITE_ATOMICALLY);
  const target = typeof path === 'string' ? path : fileURLToPath(path);
  return inTask('files.writeAtomically', () => replace(target, data, options), options);
}

async function replace(target: string, data: string | Uint8Array, { mode }: WriteAtomicallyOptions): Promise<void> {
  const beside = `${target}.${process.pid}-${random().toString(36).slice(2)}.tmp`;
  try {
    const file = await open(beside, 'wx', mode);
    try {
      await cancellable(file.writeFile(data));
      await cancellable(file.sync());
    } finally {
      await file.close();
    }
    await rename(beside, target);
  } catch (error) {
    await unlink(beside).catch(() => undefined); // perhaps it was never made: what failed is thrown
    throw error;
  }
  await syncFolder(dirname(target));
}

/** Flushes the rename itself to the disk, where a folder can be opened. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch {
    // Windows, and some file systems: the rename is done, and reaches the disk soon.
  }
}
