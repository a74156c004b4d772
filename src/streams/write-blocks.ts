// WriteBlocks: where a writer puts what is written when its list of pending writes has become long. Each entry of a list costs
// more memory than the two bytes it may hold, and keeps alive whatever it is a view of: a program that forgets drain() would
// run out of memory long before maxBuffered payload is unsent. So small writes are copied together, and text is encoded.
//
// The block being filled is not in the list: `seal()` puts it there. Bytes of a block are written once and never moved, so
// what was sealed stays right while the rest of the block is filled.
import { Buffer } from './buffer.ts';

const SMALLEST = 4096;
const LARGEST = 65536;
/** Bytes: what is longer stands in the list by itself. Its entry weighs nothing beside it, and a copy would cost time. */
const ALONE = 16384;
/** Bytes: up to here a loop copies in less time than a call of the encoder, or of set(), takes. */
const SHORT = 32;

export class WriteBlocks {
  readonly #list: (string | Uint8Array)[];
  #block: Buffer = Buffer.allocUnsafe(SMALLEST);
  /** From here to `#end` stands what is not in the list yet. */
  #from = 0;
  #end = 0;

  /** @param list where the blocks go, behind what is there */
  constructor(list: (string | Uint8Array)[]) {
    this.#list = list;
  }

  /** Adds one write; `bytes` is its length as UTF-8. */
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

  /** Puts what was added into the list. */
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
    else for (let i = 0; i < bytes.length; i++) block[end + i] = bytes[i] as number; // i < length
  }

  #copyAscii(text: string): void {
    const block = this.#block;
    const end = this.#end;
    for (let i = 0; i < text.length; i++) block[end + i] = text.charCodeAt(i);
  }
}
