// Work for a processor that no just-in-time compiler has a part in: it would make one worker faster than another.
import { createHash } from 'node:crypto';

const page = new Uint8Array(65_536);

export function compute(pages) {
  const hash = createHash('sha256');
  for (let i = 0; i < pages; i++) hash.update(page);
  return hash.digest('hex');
}
