// Buffer on every host. Where the host has one (Node, Bun, Deno), `Buffer` is that, with nothing in between. Elsewhere, in
// browsers, it is WebBuffer: a Uint8Array with what streams use of a Buffer, and with the texts that users ask of one.
//
// The types say Buffer everywhere. A method of Buffer that WebBuffer lacks is undefined in browsers, so a use of one fails at
// once and by name. docs/reference/browser.md lists what is there, and what else was compared.

/** The functions of Buffer that streams use. */
interface BufferFunctions {
  alloc(size: number): Buffer;
  allocUnsafe(size: number): Buffer;
  allocUnsafeSlow(size: number): Buffer;
  byteLength(text: string): number;
  concat(list: readonly Uint8Array[]): Buffer;
  /** Text as UTF-8; a copy of bytes. */
  from(data: string | Uint8Array | readonly number[]): Buffer;
  /** The memory itself, from `offset` on. */
  from(memory: ArrayBufferLike, offset: number, length: number): Buffer;
  isBuffer(value: unknown): value is Buffer;
}

// One of each is enough. Made at the first use: a host that has neither can still load this file.
let encoder: TextEncoder | undefined;
let decoder: TextDecoder | undefined;

class WebBuffer extends Uint8Array {
  /** Where a byte, or a sequence of one byte or more, stands first, at or after `from`; -1 if nowhere. */
  override indexOf(wanted: number | Uint8Array, from = 0): number {
    if (typeof wanted === 'number') return super.indexOf(wanted, from);
    const first = wanted[0] as number; // not empty
    const last = this.length - wanted.length;
    for (let at = super.indexOf(first, from); at >= 0 && at <= last; at = super.indexOf(first, at + 1)) {
      let same = 1;
      while (same < wanted.length && this[at + same] === wanted[same]) same++;
      if (same === wanted.length) return at;
    }
    return -1;
  }

  equals(other: Uint8Array): boolean {
    return this.length === other.length && this.every((byte, index) => byte === other[index]);
  }

  /** Writes text as UTF-8 from `at` on, and returns how many bytes it took. */
  write(text: string, at: number): number {
    return (encoder ??= new TextEncoder()).encodeInto(text, this.subarray(at)).written;
  }

  override toString(encoding = 'utf8', start = 0, end: number = this.length): string {
    const bytes = this.subarray(start, end);
    switch (encoding.toLowerCase()) {
      case 'utf8':
      case 'utf-8':
        return (decoder ??= new TextDecoder('utf-8', { ignoreBOM: true })).decode(bytes);
      case 'latin1':
      case 'binary':
        return join(bytes, (byte) => String.fromCharCode(byte));
      case 'ascii':
        return join(bytes, (byte) => String.fromCharCode(byte & 0x7f));
      case 'hex':
        return join(bytes, (byte) => byte.toString(16).padStart(2, '0'));
      default:
        throw new TypeError(`Cannot decode bytes: this host knows utf8, latin1, ascii and hex, not ${encoding}`);
    }
  }
}

function join(bytes: Uint8Array, toText: (byte: number) => string): string {
  let text = '';
  for (const byte of bytes) text += toText(byte);
  return text;
}

/** What stands for Buffer where the host has none. */
export const webBuffer: BufferFunctions = {
  alloc: allocate,
  allocUnsafe: allocate,
  allocUnsafeSlow: allocate,
  byteLength(text) {
    let bytes = text.length;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit < 0x80) continue;
      // Three bytes for each unit from 0x800 on. The two units of a pair take four in all, and are counted one by one.
      bytes += unit < 0x800 || isPairAt(text, i) || isPairAt(text, i - 1) ? 1 : 2;
    }
    return bytes;
  },
  concat(list) {
    const all = new WebBuffer(list.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const bytes of list) {
      all.set(bytes, at);
      at += bytes.length;
    }
    return toType(all);
  },
  from(data: string | ArrayLike<number> | ArrayBufferLike, offset?: number, length?: number) {
    if (typeof data === 'string') {
      const { buffer, byteOffset, byteLength } = (encoder ??= new TextEncoder()).encode(data);
      return toType(new WebBuffer(buffer, byteOffset, byteLength));
    }
    if ('length' in data) return toType(new WebBuffer(data));
    return toType(new WebBuffer(data as ArrayBuffer, offset, length)); // shared memory is taken as well
  },
  isBuffer: (value): value is Buffer => value instanceof WebBuffer,
};

function allocate(size: number): Buffer {
  return toType(new WebBuffer(size));
}

function toType(bytes: WebBuffer): Buffer {
  return bytes as unknown as Buffer; // the part of it that there is: see above
}

/** Whether the unit at `index` and the next one are the halves of one character. */
function isPairAt(text: string, index: number): boolean {
  return (text.charCodeAt(index) & 0xfc00) === 0xd800 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00;
}

/** The host's own, or what stands for it. */
export const Buffer: BufferFunctions = (globalThis as { Buffer?: BufferFunctions }).Buffer ?? webBuffer;
