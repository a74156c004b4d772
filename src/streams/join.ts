// The chunks of one turn as one piece, for transports that copy anyway.
import { Buffer } from './buffer.ts';

/** One chunk as it is; several texts as one text; else the bytes, copied together. `bytes` is the sum of their lengths. */
export function joinChunks(chunks: readonly (string | Uint8Array)[], bytes: number): string | Uint8Array {
  if (chunks.length === 1) return chunks[0] as string | Uint8Array; // length 1
  if (chunks.every((chunk) => typeof chunk === 'string')) return chunks.join('');
  const joined = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const chunk of chunks) {
    if (typeof chunk === 'string') at += joined.write(chunk, at);
    else {
      joined.set(chunk, at);
      at += chunk.length;
    }
  }
  return joined;
}
