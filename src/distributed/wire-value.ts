// Values on their way through Redis: what structured clone copies, as JSON that any runtime reads.
//
// Plain JSON stays as it is. Anything else becomes an object with one key that begins with `$`, which
// names its type: { "$date": 0 }, { "$map": [[k, v]] }. An object that has such a key itself is wrapped
// in { "$object": ... }, so every value comes back as what it was. Errors are packed as between threads.
//
// V8's own format is not used: Bun and Deno have others, and machines are not updated in one moment.
import { Buffer } from 'node:buffer';
import { describe } from '../base/index.ts';
import { type CrossedError, packError, unpackError } from '../executors/index.ts';

const DEEPEST = 1000;
/** Objects around a number, a text or a truth value: `new Number(1)`. */
const BOXES: ReadonlySet<string> = new Set(['[object Number]', '[object String]', '[object Boolean]']);

type Fields = Readonly<Record<string, unknown>>;

const ARRAYS: Readonly<Record<string, new (buffer: ArrayBuffer) => ArrayBufferView>> = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
};

/**
 * Returns a value as JSON can carry it. Plain values are returned as they are, not copied.
 * @throws TypeError for functions, symbols, cycles, and objects of classes that cannot be cloned
 */
export function encode(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $number: String(Object.is(value, -0) ? '-0' : value) };
    case 'undefined':
      return { $undefined: 0 };
    case 'bigint':
      return { $bigint: String(value) };
    case 'object':
      break;
    default:
      throw new TypeError(`${describe(value)} cannot be sent`);
  }
  if (value === null) return null;
  if (depth > DEEPEST) throw new TypeError('it has a cycle, or is nested too deeply');
  return Array.isArray(value) ? encodeList(value, depth + 1) : encodeObject(value, depth + 1);
}

function encodeList(list: readonly unknown[], depth: number): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const each = encode(list[i], depth);
    if (each !== list[i]) copy ??= list.slice(0, i);
    copy?.push(each);
  }
  return copy ?? list;
}

function encodeObject(value: object, depth: number): unknown {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    const special = encodeSpecial(value, depth);
    if (special !== undefined) return special;
  }
  // An object of a class of the program arrives as a plain one, as with structured clone.
  let copy: Record<string, unknown> | undefined;
  let isTagged = false;
  const fields = value as Fields;
  const keys = Object.keys(fields);
  for (const [i, key] of keys.entries()) {
    const each = encode(fields[key], depth);
    if (each !== fields[key] && copy === undefined) {
      copy = {};
      for (const before of keys.slice(0, i)) define(copy, before, fields[before]);
    }
    if (copy !== undefined) define(copy, key, each);
    if (key.startsWith('$')) isTagged = true;
  }
  // JSON.stringify would call it.
  if (typeof fields['toJSON'] === 'function') throw new TypeError('toJSON (a function) cannot be sent');
  return isTagged ? { $object: copy ?? value } : (copy ?? value);
}

function encodeSpecial(value: object, depth: number): unknown {
  if (value instanceof Date) return { $date: value.getTime() };
  if (value instanceof RegExp) return { $regexp: [value.source, value.flags] };
  if (value instanceof Map) return { $map: [...value].map((pair) => encode(pair, depth)) };
  if (value instanceof Set) return { $set: [...value].map((each) => encode(each, depth)) };
  if (value instanceof ArrayBuffer) return { $buffer: Buffer.from(value).toString('base64') };
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
    const name = Object.keys(ARRAYS).find(
      (each) => value instanceof (ARRAYS[each] as NonNullable<(typeof ARRAYS)[string]>),
    );
    return { $array: [name ?? 'Uint8Array', bytes] };
  }
  if (value instanceof Error) return { $error: encode(packError(value), depth) };
  if (BOXES.has(Object.prototype.toString.call(value))) return encode(value.valueOf(), depth);
  if (isForeign(value)) throw new TypeError(`${describe(value)} cannot be sent`);
  return undefined;
}

/** Whether it is an object of the host, whose state is not in its fields. */
function isForeign(value: object): boolean {
  const tag = Object.prototype.toString.call(value);
  return tag !== '[object Object]' && tag !== '[object Arguments]';
}

/** Returns the value that was encoded. */
export function decode(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = decode(value[i]); // it is ours: JSON.parse has made it
    return value;
  }
  const fields = value as Record<string, unknown>;
  for (const key in fields) {
    if (key.startsWith('$')) return decodeTagged(key, fields[key]);
    const each = fields[key];
    if (typeof each === 'object' && each !== null) define(fields, key, decode(each));
  }
  return value;
}

function decodeTagged(tag: string, content: unknown): unknown {
  switch (tag) {
    case '$number':
      return Number(content);
    case '$undefined':
      return undefined;
    case '$bigint':
      return BigInt(content as string);
    case '$date':
      return new Date(content === null ? NaN : (content as number)); // JSON has no NaN
    case '$regexp':
      return new RegExp(...(content as [string, string]));
    case '$map':
      return new Map(decode(content) as [unknown, unknown][]);
    case '$set':
      return new Set(decode(content) as unknown[]);
    case '$buffer':
      return bufferOf(content as string);
    case '$array': {
      const [name, bytes] = content as [string, string];
      const View = ARRAYS[name] ?? Uint8Array;
      return new View(bufferOf(bytes));
    }
    case '$error':
      return unpackError(decode(content) as CrossedError);
    case '$object': {
      const fields = content as Record<string, unknown>;
      for (const key of Object.keys(fields)) define(fields, key, decode(fields[key]));
      return fields;
    }
    default:
      throw new TypeError(
        `Cannot read a value of the type ${JSON.stringify(tag)}: it was sent by a newer version of maitre`,
      );
  }
}

function bufferOf(base64: string): ArrayBuffer {
  const bytes = Buffer.from(base64, 'base64');
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

/** Sets a field, also one called `__proto__`. */
function define(fields: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(fields, key, { value, writable: true, enumerable: true, configurable: true });
  else fields[key] = value;
}
