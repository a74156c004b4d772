// Separators of readUntil, checked and converted to bytes. The last text used is cached: most
// protocols have only one.
import { wrongValue } from '../base/index.ts';
import { Buffer } from './buffer.ts';
import type { ByteBuffer } from './byte-buffer.ts';
import { toBuffer } from './byte-buffer.ts';

/** What `readUntil` reads up to: text (as UTF-8), bytes, or a list of either. */
export type Separator = string | Uint8Array | readonly (string | Uint8Array)[];

export interface Separators {
  /**
   * Shortest first: of two that end at the same place, the shorter one is reported, as in asyncio.
   */
  readonly all: readonly Buffer[];
  readonly longest: number;
  /** The byte, if there is one separator of one byte: the fast case. Otherwise -1. */
  readonly byte: number;
}

export const NEWLINE: Separators = compile([Buffer.from('\n')]);

let lastText = '\n';
let last: Separators = NEWLINE;

export function toSeparators(separator: Separator): Separators {
  if (separator === lastText) return last;
  const list = Array.isArray(separator) ? (separator as readonly unknown[]) : [separator];
  if (list.length === 0) throw new RangeError('Cannot read until a separator: the list of separators is empty');
  const separators = compile(list.map(toBytes));
  if (typeof separator === 'string') {
    lastText = separator;
    last = separators;
  }
  return separators;
}

function toBytes(separator: unknown): Buffer {
  if (typeof separator !== 'string' && !(separator instanceof Uint8Array)) {
    throw wrongValue('read until a separator', '', 'text or bytes', separator);
  }
  if (separator.length === 0) throw new RangeError('Cannot read until a separator: the separator is empty');
  return typeof separator === 'string' ? Buffer.from(separator) : toBuffer(separator);
}

function compile(list: Buffer[]): Separators {
  const all = list.toSorted((a, b) => a.length - b.length);
  const longest = (all[all.length - 1] as Buffer).length; // defined: lists are never empty
  return { all, longest, byte: all.length === 1 && longest === 1 ? ((all[0] as Buffer)[0] as number) : -1 };
}

/** A match. The one that ends first wins, even if another began before it. */
export interface Match {
  start: number;
  /** One past its last byte. -1 if nothing was found. */
  end: number;
}

/** Searches for the separators from `from` on. Writes a match to `match`. */
export function findSeparator(buffer: ByteBuffer, separators: Separators, from: number, match: Match): boolean {
  match.end = -1;
  if (separators.byte >= 0) {
    const at = buffer.indexOfByte(separators.byte, from);
    if (at < 0) return false;
    match.start = at;
    match.end = at + 1;
    return true;
  }
  for (const separator of separators.all) {
    // After a match, only one that ends earlier counts. To look no further keeps short records in a
    // long buffer cheap.
    const at = buffer.indexOf(separator, from, match.end < 0 ? buffer.length : match.end - 1);
    if (at < 0) continue;
    match.start = at;
    match.end = at + separator.length;
  }
  return match.end >= 0;
}
