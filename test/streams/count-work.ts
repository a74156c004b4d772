// Counting instead of timing: how many bytes Buffers were searched and copied for, while something ran.
import { Buffer } from 'node:buffer';

export interface Work {
  scanned: number;
  copied: number;
}

/** Runs `fn` with Buffer's indexOf and set counting: a search costs the bytes from where it began to the match or the end. */
export async function countWork(fn: () => Promise<void>): Promise<Work> {
  const work: Work = { scanned: 0, copied: 0 };
  const prototype = Buffer.prototype as { indexOf: typeof Buffer.prototype.indexOf; set?: Uint8Array['set'] };
  const { indexOf } = prototype;
  const bytesPrototype: { set: Uint8Array['set'] } = Uint8Array.prototype;
  const { set } = bytesPrototype;
  prototype.indexOf = function (this: Buffer, value: string | number | Uint8Array, from = 0): number {
    const at = indexOf.call(this, value, from);
    work.scanned += (at < 0 ? this.length : at + 1) - Math.min(from, this.length);
    return at;
  };
  prototype.set = function (this: Buffer, bytes: ArrayLike<number>, at = 0): void {
    work.copied += bytes.length;
    set.call(this, bytes, at);
  };
  try {
    await fn();
  } finally {
    prototype.indexOf = indexOf;
    delete prototype.set; // inherited from Uint8Array
  }
  return work;
}
