// Buffer on every host. Node, Bun and Deno have one; there, `Buffer` is the host's own. Browsers
// have none; there, it is WebBuffer: a Uint8Array with the methods that streams use and the
// encodings that users need.
//
// The types say Buffer everywhere. A method of Buffer that WebBuffer lacks is undefined in
// browsers, so a use of it fails at once, with its name. docs/reference/browser.md lists the
// methods that exist, and the alternatives that were compared.

/** The functions of Buffer that streams use. */
interface BufferFunctions {
  alloc(size: number): Buffer;
  allocUnsafe(size: number): Buffer;
  allocUnsafeSlow(size: number): Buffer;
  byteLength(text: string): number;
  concat(list: readonly Uint8Array[]): Buffer;
  /** Encodes text as UTF-8, or copies bytes. */
  from(data: string | Uint8Array | readonly number[]): Buffer;
  /** Wraps memory without a copy, from `offset` on. */
  from(memory: ArrayBufferLike, offset: number, length: number): Buffer;
  isBuffer(value: unknown): value is Buffer;
}

// One of each is enough. Made at the first use, so that a host without them can still load this
// file.
let encoder: TextEncoder | undefined;
let decoder: TextDecoder | undefined;

class WebBuffer extends Uint8Array {
  /**
   * Returns the first position, at or after `from`, of a byte or of a non-empty sequence of bytes.
   * Returns -1 if there is none.
   */
  override indexOf(wanted: number | Uint8Array, from = 0): number {
    if (typeof wanted === 'number') return super.indexOf(wanted, from);
    const first = wanted[0] as number; // defined: not empty
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

  /** Writes text as UTF-8 from `at` on. Returns the number of bytes it took. */
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

/** Replaces Buffer where the host has none. */
export const webBuffer: BufferFunctions = {
  alloc: allocate,
  allocUnsafe: allocate,
  allocUnsafeSlow: allocate,
  byteLength(text) {
    let bytes = text.length;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit < 0x80) continue;
      // Three bytes for each code unit from 0x800 on. The two units of a surrogate pair take four
      // bytes in total, so each counts as two.
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
    return toType(new WebBuffer(data as ArrayBuffer, offset, length)); // shared memory is accepted too
  },
  isBuffer: (value): value is Buffer => value instanceof WebBuffer,
};

function allocate(size: number): Buffer {
  return toType(new WebBuffer(size));
}

function toType(bytes: WebBuffer): Buffer {
  return bytes as unknown as Buffer; // has only the methods listed above
}

/** Returns true if the units at `index` and `index + 1` are a surrogate pair. */
function isPairAt(text: string, index: number): boolean {
  return (text.charCodeAt(index) & 0xfc00) === 0xd800 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00;
}

/** The host's Buffer, or its replacement. */
export const Buffer: BufferFunctions = (globalThis as { Buffer?: BufferFunctions }).Buffer ?? webBuffer;
