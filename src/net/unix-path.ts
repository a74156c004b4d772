// Paths of Unix sockets: how a server takes over a path on which nobody answers, and removes only a
// path that is its own.
//
// libuv unlinks the path of a pipe when it closes, even if another process's socket is there by
// then. So a server binds a temporary name beside the path and links the path to it. The name that
// libuv would unlink is gone already, and the server unlinks the path only while it is still the
// inode that it made. Linking fails when another process was faster, as binding would.
//
// A socket with a mode is bound inside a temporary folder that nobody else may enter, and gets its
// mode there. So a user who may not connect never finds it open. Rejected: the umask. It belongs to
// the whole process, and threads cannot set it.
import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, lstatSync, mkdtempSync, rmdirSync, type Stats, statSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { Future } from '../core/index.ts';

/**
 * Bytes: the longest path of a Unix socket that the kernel accepts. A longer one could be linked,
 * but nobody could connect to it.
 */
export const LONGEST_PATH: number = process.platform === 'linux' ? 107 : 103;

/**
 * Names in Linux's abstract namespace are not files: only the kernel knows them, and it forgets
 * them with their sockets.
 */
const isAbstract = (path: string): boolean => path.startsWith('\0');

/** The temporary name at which a socket is bound before it has its path. */
export interface Berth {
  /** The name to bind. */
  readonly name: string;
  /** Sets the mode of the socket. Call it once bound. */
  setMode(): void;
  /** Removes the folder. Call it once the name is gone, after success or failure. */
  leave(): void;
}

/**
 * Makes a temporary name for a socket that will be called `path`.
 * @param mode of its file; undefined leaves it to the umask
 * @throws the system's error, in terms of `path`
 */
export function takeBerth(path: string, mode: number | undefined): Berth {
  const nothing = (): void => undefined;
  if (mode === undefined) return { name: bindName(path), setMode: nothing, leave: nothing };
  const prefix = join(dirname(path), '.m');
  // If the longer name does not fit, the socket is bound in the same folder: nobody who watches the
  // folder knows that name before it exists.
  const hasRoom = Buffer.byteLength(prefix) + '123456/s'.length <= LONGEST_PATH;
  try {
    const folder = hasRoom ? mkdtempSync(prefix) : undefined;
    const name = folder === undefined ? bindName(path) : join(folder, 's');
    return {
      name,
      setMode: () => chmodSync(name, mode),
      leave: folder === undefined ? nothing : () => rmdirSync(folder),
    };
  } catch (error) {
    throw inTermsOf(path, error as NodeJS.ErrnoException, prefix);
  }
}

/**
 * Throws when the folder of `path` does not exist. libuv would report EACCES, "permission denied".
 * @throws an ENOENT or ENOTDIR error
 */
export function checkFolder(path: string): void {
  if (isAbstract(path)) return;
  const folder = dirname(path);
  let found: Stats | undefined;
  try {
    found = statSync(folder, { throwIfNoEntry: false });
  } catch {
    return; // no permission to look: the system's error will do
  }
  if (found?.isDirectory() === true) return;
  const state = found === undefined ? `${folder} does not exist` : `${folder} is not a folder`;
  throw Object.assign(new Error(`Cannot listen on ${path}: ${state}`), {
    code: found === undefined ? 'ENOENT' : 'ENOTDIR',
    syscall: 'listen',
    address: path,
  });
}

/**
 * Rewrites the system's error about a temporary name as one about the path that the user passed.
 * @param name what the temporary path begins with
 */
export function inTermsOf(path: string, error: NodeJS.ErrnoException, name: string): Error {
  const at = error.message.indexOf(name);
  const message = at < 0 ? error.message : `${error.message.slice(0, at)}${path}`;
  const { code, syscall } = error;
  return Object.assign(new Error(message, { cause: error }), { code, syscall, address: path });
}

/**
 * Makes a new temporary name in the same folder. Returns the path itself where the name would be
 * too long.
 */
export function bindName(path: string): string {
  if (isAbstract(path)) return path;
  const name = join(dirname(path), `.m${randomBytes(6).toString('base64url')}`);
  return Buffer.byteLength(name) > LONGEST_PATH ? path : name;
}

/**
 * Makes `path` free: removes a socket on which nobody answers. Does nothing if nothing is there.
 * @throws an EADDRINUSE error when a server answers; an Error when it is not a socket, which stays
 */
export async function clearPath(path: string): Promise<void> {
  if (isAbstract(path)) return;
  const found = statOf(path);
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`Cannot listen on ${path}: the file exists and is not a socket`);
  const held = hold(path);
  try {
    if (await answers(path)) throw inUse(path);
    unlinkIfSame(path, found);
  } finally {
    if (held !== undefined) unlinkSync(held);
  }
}

/**
 * Links the socket at `path` to a second name. While that exists, the system does not reuse its
 * inode number, so another file that replaces it meanwhile is not taken for it. Undefined where
 * that is not allowed: on a socket of another user.
 */
function hold(path: string): string | undefined {
  const name = bindName(path);
  if (name === path) return undefined;
  try {
    linkSync(path, name);
    return name;
  } catch {
    return undefined; // or the socket is gone already: answers() finds out
  }
}

/** Links the path to the bound name. The result removes the path again, if it is still ours. */
export function claimPath(bound: string, path: string): () => void {
  if (isAbstract(path)) return () => undefined;
  if (bound !== path) {
    try {
      linkSync(bound, path);
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? inUse(path) : error;
    } finally {
      unlinkSync(bound);
    }
  }
  const ours = statSync(path);
  return () => unlinkIfSame(path, ours);
}

function unlinkIfSame(path: string, ours: Stats): void {
  const now = statOf(path);
  if (now?.ino === ours.ino && now.dev === ours.dev) unlinkSync(path);
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

async function answers(path: string): Promise<boolean> {
  const future = new Future<boolean>();
  const socket = connect(path);
  socket.on('connect', () => future.answer(true));
  // Refused means that its server is gone. Any other error (a full backlog, no permission) means
  // that a server is there.
  socket.on('error', (error: NodeJS.ErrnoException) =>
    future.answer(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
  );
  try {
    return await future;
  } finally {
    socket.destroy();
  }
}

function inUse(path: string): Error {
  return Object.assign(new Error(`listen EADDRINUSE: address already in use ${path}`), {
    code: 'EADDRINUSE',
    syscall: 'listen',
    address: path,
  });
}
