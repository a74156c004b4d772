// What stands in the kernel for the servers of this process: clients whose bytes nobody reads, and
// connections that nobody accepts. Linux tells in /proc, also while the main thread is blocked.
//
// A connection counts if its local port is one on which this process listens, and it is either one
// of the sockets of this process or not accepted yet: another process may listen on the same port.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What the tables of the kernel say. */
export interface InKernel {
  /** The clients with unread bytes. */
  readonly unread: number;
  /** The connections that wait to be accepted, by local port. */
  readonly backlog: ReadonlyMap<number, number>;
}

const ESTABLISHED = '01';
const CLOSE_WAIT = '08';
const LISTEN = '0A';

/** Reads the tables. Undefined where they are not there, and if this process listens on no TCP port. */
export function readKernel(): InKernel | undefined {
  try {
    const tables = ['/proc/self/net/tcp', '/proc/self/net/tcp6'].map(readTable).join('');
    return countIn(tables, ownSockets());
  } catch {
    return undefined; // not Linux, or not allowed
  }
}

function readTable(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (path.endsWith('6')) return ''; // there is no IPv6
    throw error;
  }
}

/** The inodes of the sockets of this process. */
function ownSockets(): Set<string> {
  const inodes = new Set<string>();
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // It was closed meanwhile.
    }
  }
  return inodes;
}

/**
 * Counts in tables of the form of /proc/net/tcp.
 * @param own the inodes of the sockets of this process
 */
export function countIn(tables: string, own: ReadonlySet<string>): InKernel | undefined {
  const rows = [...tables.matchAll(ROW)].map(([, port = '', state = '', unread = '', inode = '']) => ({
    port: Number.parseInt(port, 16),
    state,
    unread: Number.parseInt(unread, 16),
    inode,
  }));
  const backlog = new Map<number, number>();
  for (const { port, state, unread, inode } of rows)
    if (state === LISTEN && own.has(inode)) backlog.set(port, (backlog.get(port) ?? 0) + unread);
  if (backlog.size === 0) return undefined;
  const clients = rows.filter(
    ({ port, state, inode }) =>
      (state === ESTABLISHED || state === CLOSE_WAIT) && backlog.has(port) && (inode === '0' || own.has(inode)),
  );
  return { unread: clients.length, backlog };
}

/**
 * A socket that listens, or that has unread bytes: its local port, state, unread bytes or, if it
 * listens, connections that wait, and inode. One expression, because there can be 20,000 rows:
 *
 *      0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000  0 12345 ...
 */
const ROW =
  /^ *\d+: [\dA-F]+:([\dA-F]{4}) [\dA-F:]+ (?=0A|.{12}(?!0{8}))([\dA-F]{2}) [\dA-F]{8}:([\dA-F]{8}) \S+ \S+ +\d+ +\d+ (\d+)/gm;
