// The folder of the control sockets: $XDG_RUNTIME_DIR/maitre, else /tmp/maitre-<uid>. Whoever can
// connect to a socket in it sees everything that the process does; and whoever can put one there can
// answer in the place of a process. Threads cannot set the umask, so the guard is the folder.
import { lstatSync, mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { quote } from '../../base/index.ts';
import { InvalidStateError } from '../../core/index.ts';
import { setting } from '../../hosts/node/index.ts';

/**
 * The folders in which sockets of this user may be. A process makes its own in the first one; those
 * in the second are of processes that run without the variable. They need not exist.
 */
export function socketFolders(): readonly [own: string, ...others: string[]] {
  const runtime = setting('XDG_RUNTIME_DIR');
  const shared = `/tmp/maitre-${ownUid()}`;
  return runtime !== undefined && isAbsolute(runtime) ? [join(runtime, 'maitre'), shared] : [shared];
}

/** How many processes with the same number have a socket each: containers may share the folder. */
const MOST_ALIKE = 9;

/** The names of a process's socket: the first one that no other process uses. */
export function socketNames(pid: number): string[] {
  return Array.from({ length: MOST_ALIKE }, (_, i) => (i === 0 ? `${pid}.sock` : `${pid}-${i + 1}.sock`));
}

/**
 * The path of the socket of a worker of this process, beside its own. No command looks for it: the
 * inspector of this process asks there.
 * @param own the path of the socket of this process; undefined if it has none
 */
export function socketOfRoom(own: string | undefined, worker: number): string {
  if (own !== undefined) return `${own.replace(/\.sock$/, '')}-${worker}.room`;
  const [folder] = socketFolders();
  prepareSocketFolder(folder);
  return join(folder, `${process.pid}-${worker}.room`);
}

/** The process of a socket with this name; undefined for another file. */
export function pidOfSocket(name: string): number | undefined {
  const pid = /^(\d+)(?:-\d)?\.sock$/.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/**
 * Makes the folder unless it is there, and checks that nobody else can enter it.
 * @throws InvalidStateError if it is not a folder, or others can enter it; the system's error
 */
export function prepareSocketFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const wrong = problemOfFolder(folder);
  if (wrong !== undefined) throw new InvalidStateError(`Cannot start inspector: the folder ${quote(folder)} ${wrong}`);
}

/**
 * Why nothing in a folder can be trusted, in words that follow its name; undefined if it can be.
 * @throws the system's error, such as ENOENT
 */
export function problemOfFolder(folder: string): string | undefined {
  const stats = lstatSync(folder); // not stat: a link can be changed by whoever made it
  if (stats.isSymbolicLink()) return 'is a symbolic link, expected a folder';
  if (!stats.isDirectory()) return 'is not a folder';
  if (stats.uid !== ownUid()) return `belongs to the user ${stats.uid}, expected ${ownUid()}`;
  if ((stats.mode & 0o077) !== 0)
    return `has the mode ${(stats.mode & 0o777).toString(8)}, expected 700: other users could enter it`;
  return undefined;
}

function ownUid(): number {
  return process.geteuid?.() ?? userInfo().uid;
}
