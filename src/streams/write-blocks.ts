// WriteBlocks: joins pending writes once their list has become long. Each entry of a list takes
// more memory than the two bytes it may hold, and keeps the memory alive that it is a view of. So a
// program that forgets drain() would run out of memory long before maxBuffered bytes are unsent.
// Small writes are therefore copied together, and text is encoded.
//
// The block being filled is not in the list; `seal()` puts its filled part there. The bytes of a
// block are written once and never moved. So the sealed part stays valid while the rest of the
// block is filled.
import { Buffer } from './buffer.ts';

const SMALLEST = 4096;
const LARGEST = 65536;
/**
 * The bytes from which a write stands in the list by itself. Its entry is small in comparison, and
 * a copy would cost time.
 */
const ALONE = 16384;
/** The bytes up to which a loop copies faster than a call of the encoder, or of set(). */
const SHORT = 32;

export class WriteBlocks {
  readonly #list: (string | Uint8Array)[];
  #block: Buffer = Buffer.allocUnsafe(SMALLEST);
  /** The bytes from here to `#end` are not in the list yet. */
  #from = 0;
  #end = 0;

  /** @param list receives the blocks, behind its present entries */
  constructor(list: (string | Uint8Array)[]) {
    this.#list = list;
  }

  /** Adds one write. `bytes` is its length as UTF-8. */
  add(data: string | Uint8Array, bytes: number): void {
    if (bytes > ALONE) {
      this.seal();
      this.#list.push(typeof data === 'string' ? Buffer.from(data) : data);
      return;
    }
    if (bytes > this.#block.length - this.#end) this.#next(bytes);
    if (typeof data !== 'string') this.#copyBytes(data);
    else if (bytes === data.length && bytes <= SHORT) this.#copyAscii(data);
    else this.#block.write(data, this.#end);
    this.#end += bytes;
  }

  /** Moves what was added into the list. */
  seal(): void {
    if (this.#end === this.#from) return;
    this.#list.push(this.#block.subarray(this.#from, this.#end));
    this.#from = this.#end;
  }

  #next(bytes: number): void {
    this.seal();
    this.#block = Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(LARGEST, this.#block.length * 2)));
    this.#from = 0;
    this.#end = 0;
  }

  #copyBytes(bytes: Uint8Array): void {
    const block = this.#block;
    const end = this.#end;
    if (bytes.length > SHORT) block.set(bytes, end);
    else for (let i = 0; i < bytes.length; i++) block[end + i] = bytes[i] as number; // defined: i < length
  }

  #copyAscii(text: string): void {
    const block = this.#block;
    const end = this.#end;
    for (let i = 0; i < text.length; i++) block[end + i] = text.charCodeAt(i);
  }
}
