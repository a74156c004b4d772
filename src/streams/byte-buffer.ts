// ByteBuffer: the bytes that a reader holds, as one range of memory with a start and an end.
//
// - A chunk that arrives while the buffer is empty is adopted without a copy: the usual case. A
//   chunk that arrives on top of others is copied behind them. Memory doubles when it is full, so n
//   bytes cost O(n) copying, whatever the chunks.
// - The Buffers returned are views. They stay valid, because memory is only written behind `#end`,
//   and never moved in place.
// - Adopted memory is never written to: it counts as full (`#room` is 0).
import { Buffer } from './buffer.ts';

const EMPTY: Buffer = Buffer.alloc(0);
const SMALLEST = 1024;
/** The number of bytes to search one by one before calling the native search. */
const NEAR = 64;
/**
 * The most memory to reserve for expected bytes, as a multiple of what has arrived: a length read
 * from a wire may be any number.
 */
const TRUST = 16;

export class ByteBuffer {
  #memory: Buffer = EMPTY;
  #start = 0;
  #end = 0;
  /** The number of bytes of #memory, from #end on, that this buffer may write. */
  #room = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** The bytes of memory in use, including what was read already and what is reserved. */
  get memory(): number {
    return this.#memory.length;
  }

  /**
   * Appends bytes, which must not be changed afterwards. `expected` is the total that the read
   * waits for, or 0 if unknown.
   */
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

  /** Removes and returns the first `count` bytes. Requires count <= length. */
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

  /**
   * Returns the first position of `byte` at or after `from`, or -1. Positions count from the first
   * byte held.
   */
  indexOfByte(byte: number, from: number): number {
    const memory = this.#memory;
    const first = this.#start + from;
    // Most lines are short. A loop finds their end faster than a call of the native search starts.
    const near = Math.min(this.#end, first + NEAR);
    for (let i = first; i < near; i++) if (memory[i] === byte) return i - this.#start;
    if (near === this.#end) return -1;
    const at = this.#upTo(this.#end).indexOf(byte, near);
    return at < 0 ? -1 : at - this.#start;
  }

  /** Returns the first position of `bytes` entirely between `from` and `to`, or -1. */
  indexOf(bytes: Uint8Array, from: number, to: number = this.length): number {
    const at = this.#upTo(this.#start + to).indexOf(bytes, this.#start + from);
    return at < 0 ? -1 : at - this.#start;
  }

  /**
   * Returns the memory to search, without the free room: otherwise every chunk would search that
   * again.
   */
  #upTo(end: number): Buffer {
    return end === this.#memory.length ? this.#memory : this.#memory.subarray(0, end);
  }

  #grow(held: number, needed: number, expected: number): void {
    // At least twice what is held, whatever is expected: this keeps the copying linear.
    const size = Math.max(needed, held * 2, Math.min(expected, needed * TRUST), SMALLEST);
    const memory = Buffer.allocUnsafeSlow(size);
    memory.set(this.#memory.subarray(this.#start, this.#end));
    this.#memory = memory;
    this.#start = 0;
    this.#end = held;
    this.#room = memory.length - held;
  }
}

/** Returns the same memory as a Buffer. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
