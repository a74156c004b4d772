// Listening on an inherited descriptor: what it is, why it cannot be served, and which path it has.
//
// The process that passed it owns the address. Closing the descriptor ends only our part: another
// process that holds the socket goes on, clients queue there meanwhile, and no path is unlinked
// (libuv unlinks only what it bound itself).
//
// Node does not show the options of a socket, so there is no way to ask whether one listens. The
// kernel decides when we listen. To listen twice does no harm, a socket that is only bound begins
// to listen, and one that is connected or not a stream socket fails. Linux lists listening sockets
// (/proc/net/tcp), but only of one network namespace, and a service is often in another one than
// its sockets.
import { existsSync, readFileSync, readlinkSync } from 'node:fs';

const WANTED = 'expected a listening TCP or Unix socket';
/**
 * Links from each descriptor to what it is, on Linux. They also work in Deno, unlike fstat: its fs
 * knows only files that it opened.
 */
const LINKS = '/proc/self/fd';

/**
 * Throws when the descriptor is not open or not a socket, where that can be seen without touching
 * it.
 */
export function checkDescriptor(fd: number): void {
  if (process.platform === 'win32') {
    throw Object.assign(new Error(`Cannot listen on descriptor ${fd}: Windows has none for sockets, give an address`), {
      code: 'ENOTSUP',
    });
  }
  if (!existsSync(LINKS)) return; // listening will find out
  const target = targetOf(fd);
  if (target === undefined) throw cannotListen(fd, 'it is not open', 'EBADF');
  if (!target.startsWith('socket:')) throw cannotListen(fd, `it is ${target}`, 'ENOTSOCK');
}

/**
 * The path that a Unix socket was bound to, `\0name` for an abstract one. Undefined for other
 * sockets, and where it cannot be known.
 */
export function pathOfDescriptor(fd: number): string | undefined {
  const inode = /^socket:\[(\d+)\]$/.exec(targetOf(fd) ?? '')?.[1];
  if (inode === undefined) return undefined;
  // The columns: address, references, protocol, flags, type, state, inode, path. An abstract name
  // has @ for each zero byte.
  const line = new RegExp(`^\\w+:(?: \\w+){5} +${inode} (.+)$`, 'm');
  return line.exec(readIfThere('/proc/net/unix'))?.[1]?.replace(/^@/, '\0');
}

/** Turns the error of a failed listen into a sentence. */
export function descriptorError(fd: number, error: NodeJS.ErrnoException): Error {
  const { code = '' } = error;
  if (code === 'EEXIST') return cannotListen(fd, 'this process uses it already', code, error);
  if (code !== 'EINVAL' && code !== 'ENOTSOCK' && code !== 'EOPNOTSUPP') return error;
  const closed = existsSync(LINKS) ? '' : 'not open, ';
  return cannotListen(fd, `it is ${closed}connected, not bound, or not a socket of streams`, code, error);
}

function cannotListen(fd: number, state: string, code: string, cause?: Error): Error {
  const error = new Error(`Cannot listen on descriptor ${fd}: ${state}, ${WANTED}`, { cause });
  return Object.assign(error, { code, syscall: 'listen' });
}

function targetOf(fd: number): string | undefined {
  try {
    return readlinkSync(`${LINKS}/${fd}`);
  } catch {
    return undefined; // not open, or not Linux
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // not Linux
  }
}
