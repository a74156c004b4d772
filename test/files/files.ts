// What tests of files share.
import { temporaryFolder } from 'maitre/files';

/** Runs `fn` with a path in a folder that is removed afterwards. */
export async function withPath(fn: (path: string) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  await fn(`${folder.path}/file`);
}
