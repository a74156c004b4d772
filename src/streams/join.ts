// Joins the chunks of one turn, for transports that copy anyway.
import { Buffer } from './buffer.ts';

/**
 * Returns a single chunk as it is, several texts as one text, anything else as one copy of all
 * bytes. `bytes` is the sum of the lengths.
 */
export function joinChunks(chunks: readonly (string | Uint8Array)[], bytes: number): string | Uint8Array {
  if (chunks.length === 1) return chunks[0] as string | Uint8Array; // defined: the length is 1
  if (chunks.every((chunk) => typeof chunk === 'string')) return chunks.join('');
  return copyChunks(chunks, bytes);
}

/** Returns one copy of all bytes. `bytes` is the sum of the lengths. */
export function copyChunks(chunks: readonly (string | Uint8Array)[], bytes: number): Buffer {
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
