// What workers print, as whole lines: those of two workers never mix.
import type { Readable, Writable } from 'node:stream';
import { writeLog } from '../hosts/node/index.ts';

/** Bytes after which a line is passed on although it has not ended. */
const LONGEST = 65536;

/** Passes what comes on, in whole lines. */
export function passLines(from: Readable | null, to: Writable): void {
  let rest: Buffer = Buffer.alloc(0);
  from?.on('data', (chunk: Buffer) => {
    const end = chunk.lastIndexOf(10) + 1; // after the last line feed
    if (end === 0 && rest.length + chunk.length < LONGEST) {
      rest = Buffer.concat([rest, chunk]);
      return;
    }
    const whole = end === 0 ? chunk.length : end;
    writeLog(to, Buffer.concat([rest, chunk.subarray(0, whole)]));
    rest = chunk.subarray(whole);
  });
  from?.on('end', () => {
    if (rest.length > 0) writeLog(to, Buffer.concat([rest, Buffer.from('\n')]));
  });
  from?.on('error', () => undefined);
}
