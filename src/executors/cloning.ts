// What can be passed to a worker and back: values that structured clone copies, and buffers that
// are moved.
import { describe } from '../base/index.ts';

/** The buffers, ports and streams that transfer() has marked and that were not sent yet. */
const marked = new WeakSet<object>();
/** True once anything was marked. Most programs move nothing, so their arguments need no walk. */
let hasMarked = false;
/**
 * The depth to which arguments are searched for marked objects and for values that cannot be
 * cloned.
 */
const DEEPEST = 20;

/**
 * Marks a value to be moved instead of copied when it is passed to a job or returned by one: an
 * ArrayBuffer, a typed array (its buffer), a MessagePort, a stream. The sending side cannot use it
 * any more. Prior art: `Comlink.transfer`.
 * @param value the object to mark
 * @returns the value itself
 *
 * @example
 * ```ts
 * import { toThread, transfer } from 'maitre/executors';
 * const heavy = toThread<{ invert(pixels: Uint8Array): Uint8Array }>(new URL('./heavy.js', import.meta.url));
 * const inverted = await heavy.invert(transfer(new Uint8Array(1_000_000)));
 * ```
 */
export function transfer<T extends object>(value: T): T {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(
      `Cannot transfer: expected a buffer, a typed array, a port or a stream, got ${describe(value)}`,
    );
  }
  hasMarked = true;
  marked.add(ArrayBuffer.isView(value) ? value.buffer : value);
  return value;
}

/** Whether there are marked objects inside a value. */
export function hasTransfers(value: unknown): boolean {
  if (!hasMarked) return false;
  const found = new Set<object>();
  collect(value, found, new Set(), 0);
  return found.size > 0;
}

/** Returns the marked objects inside a value. */
export function transfersIn(value: unknown): object[] {
  const found = new Set<object>();
  if (hasMarked) collect(value, found, new Set(), 0);
  for (const each of found) marked.delete(each);
  return [...found];
}

function collect(value: unknown, found: Set<object>, seen: Set<object>, depth: number): void {
  if (typeof value !== 'object' || value === null || seen.has(value) || depth > DEEPEST) return;
  seen.add(value);
  const object = ArrayBuffer.isView(value) ? value.buffer : value;
  if (marked.has(object)) found.add(object);
  else if (!ArrayBuffer.isView(value)) for (const each of Object.values(value)) collect(each, found, seen, depth + 1);
}

/** Makes the error for a value that cannot be cloned. Names the place inside it. */
export function cloneError(value: unknown, place: string, action: string, cause: unknown): TypeError {
  const path = pathOfUncloneable(value, place) ?? place;
  return new TypeError(`Cannot ${action}: ${path} cannot be cloned, pass plain data`, { cause });
}

function pathOfUncloneable(value: unknown, place: string): string | undefined {
  try {
    return findUncloneable(value, place, new Set(), 0);
  } catch {
    return undefined; // a Proxy, for example, may throw whatever is asked of it
  }
}

function findUncloneable(value: unknown, path: string, seen: Set<object>, depth: number): string | undefined {
  if (isCloneable(value)) return undefined;
  if (!isPlain(value) || seen.has(value) || depth > DEEPEST) return `${path} (${describe(value)})`;
  seen.add(value);
  for (const key of Object.keys(value)) {
    const place = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`;
    let each: unknown;
    try {
      each = (value as Record<string, unknown>)[key];
    } catch {
      return `${place} (a getter that throws)`;
    }
    const found = findUncloneable(each, place, seen, depth + 1);
    if (found !== undefined) return found;
  }
  return path;
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

/** Whether structured clone takes a value. */
export function isCloneable(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false;
  if (typeof value !== 'object' || value === null) return true;
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}
