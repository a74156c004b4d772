// What a server says while it serves: lines for standard output and standard error. A pipe whose reader
// has stopped takes none of them, and Node keeps what it could not write. So there is a bound: beyond
// it, lines are dropped and counted, and the count is the first thing that is written when there is
// room again. A server neither waits for its log nor grows with it.
import type { Writable } from 'node:stream';

/** Bytes that may wait for the reader of a log. */
const MOST_UNREAD = 1024 * 1024;
const LINE_FEED = 10;

/** Streams with lines that were dropped, and how many. */
const dropped = new WeakMap<Writable, number>();

/** Writes whole lines, or drops them if a mebibyte of earlier ones still waits for its reader. */
export function writeLog(to: Writable, lines: string | Uint8Array): void {
  const lost = dropped.get(to);
  if (lost === undefined && to.writableLength < MOST_UNREAD) {
    to.write(lines);
    return;
  }
  dropped.set(to, (lost ?? 0) + countLines(lines));
  if (lost === undefined) to.once('drain', () => sayDropped(to));
}

function sayDropped(to: Writable): void {
  const lost = dropped.get(to) ?? 0;
  dropped.delete(to);
  const what = lost === 1 ? '1 line was not printed' : `${lost} lines were not printed`;
  to.write(`maitre: ${what}: nobody read what was printed before\n`);
}

function countLines(lines: string | Uint8Array): number {
  let count = 0;
  const bytes = typeof lines === 'string' ? Buffer.from(lines) : lines;
  for (const byte of bytes) if (byte === LINE_FEED) count++;
  return count;
}
