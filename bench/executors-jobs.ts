// The jobs of bench/executors.ts.
import { createHash } from 'node:crypto';

export const nothing = (value: number): number => value;

const page = new Uint8Array(65_536);

/** The same as compute() of bench/peers/executors-compute.mjs. */
export function compute(pages: number): string {
  const hash = createHash('sha256');
  for (let i = 0; i < pages; i++) hash.update(page);
  return hash.digest('hex');
}

export function* items(count: number): Generator<string> {
  for (let i = 0; i < count; i++) yield 'a line of a log, of some length, such as they are';
}
