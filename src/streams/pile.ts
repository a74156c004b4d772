// Pile: the bytes that come while a read waits for the end of the stream. They are joined once, at
// that end: a buffer that grows would copy them again each time it is full, and reserve twice as
// much.
//
// - A large chunk is kept as it came. Small ones are copied together into blocks, so a peer that
//   sends single bytes cannot make each of them cost an object.
// - The last part is a block with room, as long as `#room` is not 0.
import { Buffer } from './buffer.ts';

/** The bytes from which a chunk is kept as it came. */
const LARGE = 16_384;
const BLOCK = 65_536;

export class Pile {
  readonly #parts: Buffer[] = [];
  #length = 0;
  #memory = 0;
  /** The free bytes at the end of the last part. */
  #room = 0;

  /** The bytes it holds. */
  get length(): number {
    return this.#length;
  }

  /** The bytes of memory that they take. */
  get memory(): number {
    return this.#memory;
  }

  /** Adds bytes, which must not be changed afterwards. */
  add(chunk: Buffer): void {
    this.#length += chunk.length;
    if (chunk.length >= LARGE) {
      this.#closeBlock();
      this.#parts.push(chunk);
      this.#memory += chunk.length;
      return;
    }
    if (chunk.length > this.#room) {
      this.#closeBlock();
      this.#parts.push(Buffer.allocUnsafeSlow(BLOCK));
      this.#memory += BLOCK;
      this.#room = BLOCK;
    }
    const block = this.#parts.at(-1) as Buffer; // it has room
    block.set(chunk, BLOCK - this.#room);
    this.#room -= chunk.length;
  }

  /** Returns all bytes as one Buffer, after those of `first`. Call it once. */
  join(first: Buffer): Buffer {
    this.#closeBlock();
    const parts = first.length > 0 ? [first, ...this.#parts] : this.#parts;
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  /** Cuts the free room off the last part. */
  #closeBlock(): void {
    if (this.#room === 0) return;
    this.#parts.push((this.#parts.pop() as Buffer).subarray(0, BLOCK - this.#room)); // room is in a last part
    this.#room = 0;
  }
}
