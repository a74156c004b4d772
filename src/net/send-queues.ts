// What the kernel holds of what was sent: bytes that a TCP peer has not acknowledged. Node has no call for it; Linux lists it
// for every socket in /proc/net/tcp and tcp6. Elsewhere, and for Unix sockets, nothing is known.
//
// Why it matters: a kernel that is full says that it has room again only when a third of its buffer is free, which may be
// more than a megabyte. A peer that reads 50 kB a second would look for half a minute as if it took nothing.
import { readFileSync } from 'node:fs';
import type { Addresses } from './address.ts';

const FILES = process.platform === 'linux' ? ['/proc/net/tcp', '/proc/net/tcp6'] : [];
/** A line: number, local and remote address, state, and the queues; all in hexadecimal. */
const LINE = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]{2} ([0-9A-F]{8}):/gm;

export class SendQueues {
  /** By both ports. Two sockets that have them in common, with different peers, count together. */
  readonly #bytes: ReadonlyMap<string, number>;

  private constructor(bytes: ReadonlyMap<string, number>) {
    this.#bytes = bytes;
  }

  /** Takes a look at all sockets of the machine: some microseconds for each. */
  static read(): SendQueues {
    const bytes = new Map<string, number>();
    for (const file of FILES) {
      for (const [, local, remote, queue] of linesOf(file)) {
        const ports = `${Number.parseInt(local as string, 16)} ${Number.parseInt(remote as string, 16)}`; // matched, like the next
        bytes.set(ports, (bytes.get(ports) ?? 0) + Number.parseInt(queue as string, 16));
      }
    }
    return new SendQueues(bytes);
  }

  /** Bytes that the kernel holds for the socket with these ends; undefined when that is not known. */
  of({ local, peer }: Addresses): number | undefined {
    return 'path' in local || 'path' in peer ? undefined : this.#bytes.get(`${local.port} ${peer.port}`);
  }
}

function linesOf(file: string): Iterable<RegExpMatchArray> {
  try {
    return readFileSync(file, 'latin1').matchAll(LINE);
  } catch {
    return []; // no such file, no rights: nothing is known
  }
}
