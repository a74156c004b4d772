// The bytes a reader holds: one stretch of memory with a start and an end.
//
// - A chunk that comes while nothing is held is adopted as it is, without a copy: the usual case. One that comes on top of
//   others is copied behind them; memory doubles when it runs out, so n bytes cost O(n) copying whatever the chunks.
// - Bytes given out are views. They stay right because memory is only ever written behind `#end`, never moved in place.
// - Memory that was adopted is never written to: it counts as full (`#room` is 0).
import { Buffer } from './buffer.ts';

const EMPTY: Buffer = Buffer.alloc(0);
const SMALLEST = 1024;
/** Bytes that are searched one by one before the native search is asked. */
const NEAR = 64;
/** How many times the bytes that came are set aside for those expected: a number read off a wire may be any. */
const TRUST = 16;

export class ByteBuffer {
  #memory: Buffer = EMPTY;
  #start = 0;
  #end = 0;
  /** How much of #memory is ours to write, from #end on. */
  #room = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Bytes of memory that it takes: also what was read of it already, and what is set aside. */
  get memory(): number {
    return this.#memory.length;
  }

  /** Adds bytes at the end; they must not be changed afterwards. `expected` is the total the reader waits for, if known. */
  push(chunk: Buffer, expected: number): void {
    const held = this.#end - this.#start;
    if (held === 0) {
      this.#memory = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      this.#room = 0;
      return;
    }
    if (chunk.length > this.#room) this.#grow(held, held + chunk.length, expected);
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
    const first = this.#start + from;
    // Most lines are short, and a loop finds their end before a call of the native search has begun.
    const near = Math.min(this.#end, first + NEAR);
    for (let i = first; i < near; i++) if (memory[i] === byte) return i - this.#start;
    if (near === this.#end) return -1;
    const at = this.#upTo(this.#end).indexOf(byte, near);
    return at < 0 ? -1 : at - this.#start;
  }

  /** Where `bytes` stand first, wholly between `from` and `to`; -1 if nowhere. */
  indexOf(bytes: Uint8Array, from: number, to: number = this.length): number {
    const at = this.#upTo(this.#start + to).indexOf(bytes, this.#start + from);
    return at < 0 ? -1 : at - this.#start;
  }

  /** The memory to search: without its room, which would otherwise be searched again for every chunk. */
  #upTo(end: number): Buffer {
    return end === this.#memory.length ? this.#memory : this.#memory.subarray(0, end);
  }

  #grow(held: number, needed: number, expected: number): void {
    // Twice what is held keeps the copying linear, whatever is expected.
    const size = Math.max(needed, held * 2, Math.min(expected, needed * TRUST), SMALLEST);
    const memory = Buffer.allocUnsafeSlow(size);
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
