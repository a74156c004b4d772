// The bytes a reader holds: one stretch of memory with a start and an end.
//
// - A chunk that comes while nothing is held is adopted as it is, without a copy: the usual case. One that comes on top of
//   others is copied behind them; memory doubles when it runs out, so n bytes cost O(n) copying whatever the chunks.
// - Bytes given out are views. They stay right because memory is only ever written behind `#end`, never moved in place.
// - Memory that was adopted is never written to: it counts as full (`#room` is 0).
import { Buffer } from 'node:buffer';

const EMPTY: Buffer = Buffer.alloc(0);
const SMALLEST = 1024;

export class ByteBuffer {
  #memory: Buffer = EMPTY;
  #start = 0;
  #end = 0;
  /** How much of #memory is ours to write, from #end on. */
  #room = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Adds bytes at the end; they must not be changed afterwards. `expected` is the total the reader waits for, if known. */
  push(chunk: Uint8Array, expected: number): void {
    const held = this.#end - this.#start;
    if (held === 0) {
      this.#memory = toBuffer(chunk);
      this.#start = 0;
      this.#end = chunk.length;
      this.#room = 0;
      return;
    }
    if (chunk.length > this.#room) this.#grow(held, Math.max(held + chunk.length, expected));
    this.#memory.set(chunk, this.#end);
    this.#end += chunk.length;
    this.#room -= chunk.length;
  }

  /** Takes out the first `count` bytes; count <= length. */
  take(count: number): Buffer {
    const from = this.#start;
    const to = from + count;
    const memory = this.#memory;
    if (to === this.#end) this.clear();
    else this.#start = to;
    return from === 0 && to === memory.length ? memory : memory.subarray(from, to);
  }

  clear(): void {
    this.#memory = EMPTY;
    this.#start = 0;
    this.#end = 0;
    this.#room = 0;
  }

  /** Where `byte` stands first, at or after `from`; -1 if nowhere. Positions count from the first byte held. */
  indexOfByte(byte: number, from: number): number {
    const memory = this.#memory;
    const at = memory.indexOf(byte, this.#start + from);
    return at < 0 || at >= this.#end ? -1 : at - this.#start;
  }

  /** Where `bytes` stand first, wholly inside, at or after `from`; -1 if nowhere. */
  indexOf(bytes: Uint8Array, from: number): number {
    const at = this.#memory.indexOf(bytes, this.#start + from);
    return at < 0 || at + bytes.length > this.#end ? -1 : at - this.#start;
  }

  #grow(held: number, needed: number): void {
    // Twice what is held keeps the copying linear, whatever is expected.
    const memory = Buffer.allocUnsafeSlow(Math.max(needed, held * 2, SMALLEST));
    memory.set(this.#memory.subarray(this.#start, this.#end));
    this.#memory = memory;
    this.#start = 0;
    this.#end = held;
    this.#room = memory.length - held;
  }
}

/** The same memory as a Buffer. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
