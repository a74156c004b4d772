// Unix socket paths: taking one over when nobody answers on it, and giving up only what is ours.
//
// libuv unlinks a pipe's path when it closes, whoever's socket stands there by then. So a server binds a name of its own
// beside the path and links the path to it: what libuv unlinks is gone already, and we unlink the path only while it is
// still the inode that we made. Linking fails when somebody was faster, as binding would.
//
// A socket that is to have a mode is bound inside a folder of its own that nobody else may enter, and gets its mode there: who may
// not connect never finds it open. (The umask is the rejected option: it is the whole process's, and threads cannot set it.)
import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, lstatSync, mkdtempSync, rmdirSync, type Stats, statSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { Future } from '../core/index.ts';

/** What the kernel takes for a Unix socket's path, bytes. A longer one could be linked, but nobody could connect to it. */
export const LONGEST_PATH: number = process.platform === 'linux' ? 107 : 103;

/** Names in Linux's abstract namespace are no files: the kernel alone knows them, and forgets them with their sockets. */
const isAbstract = (path: string): boolean => path.startsWith('\0');

/** Where a socket is bound before it has its path. */
export interface Berth {
  /** What to bind to. */
  readonly name: string;
  /** Once bound: gives the socket its mode. */
  setMode(): void;
  /** Once the name is gone, however it went. */
  leave(): void;
}

/**
 * A place to bind a socket that is going to be called `path`.
 * @param mode of its file; undefined leaves it to the umask
 * @throws the system's error, in terms of `path`
 */
export function takeBerth(path: string, mode: number | undefined): Berth {
  const nothing = (): void => undefined;
  if (mode === undefined) return { name: bindName(path), setMode: nothing, leave: nothing };
  const prefix = join(dirname(path), '.m');
  // Where the longer name does not fit, nobody who watches the folder knows the name either until it is there.
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
 * Says so when the folder of `path` is not there: libuv says EACCES, "permission denied", of that.
 * @throws an ENOENT or ENOTDIR error
 */
export function checkFolder(path: string): void {
  if (isAbstract(path)) return;
  const folder = dirname(path);
  let found: Stats | undefined;
  try {
    found = statSync(folder, { throwIfNoEntry: false });
  } catch {
    return; // we may not look: the system's words will do
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
 * The system's error about a name of our making, as one about the path that was asked for.
 * @param name what a path of ours begins with
 */
export function inTermsOf(path: string, error: NodeJS.ErrnoException, name: string): Error {
  const at = error.message.indexOf(name);
  const message = at < 0 ? error.message : `${error.message.slice(0, at)}${path}`;
  const { code, syscall } = error;
  return Object.assign(new Error(message, { cause: error }), { code, syscall, address: path });
}

/** A name in the same folder to bind to, new each time; the path itself where that would be too long. */
export function bindName(path: string): string {
  if (isAbstract(path)) return path;
  const name = join(dirname(path), `.m${randomBytes(6).toString('base64url')}`);
  return Buffer.byteLength(name) > LONGEST_PATH ? path : name;
}

/**
 * Makes way at `path`: nothing there is fine; a socket on which nobody answers is removed.
 * @throws an EADDRINUSE error when somebody answers; an Error when it is not a socket, which stays
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
 * Gives the socket at `path` a second name. While it lasts, its inode number is not given to another file, so somebody who
 * replaces it meanwhile is not taken for it. Undefined where that is not allowed: on a socket of another user.
 */
function hold(path: string): string | undefined {
  const name = bindName(path);
  if (name === path) return undefined;
  try {
    linkSync(path, name);
    return name;
  } catch {
    return undefined; // or the socket is gone already: what follows finds out
  }
}

/** Gives the bound name its path; the result takes the path away again, if it is still ours. */
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
  // Refused: its server is gone. Anything else (a full backlog, no permission) means that somebody is there.
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
