// What the kernel holds of what was sent: bytes that a TCP peer has not acknowledged. Node has no
// call for it. Linux lists it for every socket in /proc/net/tcp and tcp6. Elsewhere, and for Unix
// sockets, it is not known.
//
// Why it matters: a full kernel reports room again only when a third of its buffer is free, which
// may be more than a megabyte. A peer that reads 50 kB a second would seem to take nothing for half
// a minute.
import { readFileSync } from 'node:fs';
import type { Addresses } from './address.ts';

const FILES = process.platform === 'linux' ? ['/proc/net/tcp', '/proc/net/tcp6'] : [];
/**
 * A line has a number, the local and remote address, the state, and the queues, all in hexadecimal.
 */
const LINE = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]{2} ([0-9A-F]{8}):/gm;

export class SendQueues {
  /** Bytes by both ports. Two sockets with the same ports and different peers count together. */
  readonly #bytes: ReadonlyMap<string, number>;

  private constructor(bytes: ReadonlyMap<string, number>) {
    this.#bytes = bytes;
  }

  /** Reads the lists of all sockets of the machine: some microseconds for each socket. */
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

  /**
   * Bytes that the kernel holds for the socket with these ends. Undefined when that is not known.
   */
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
