// The jobs of scripts/cancel-storm.mjs.

import { sleep } from '../dist/index.node.js';
import { checkpoint } from '../dist/executors.node.js';

/** Waits; counts that it began, and that its cleanup ran. */
export async function waits(ms, counts) {
  Atomics.add(counts, 0, 1);
  try {
    await sleep(ms);
    return ms;
  } finally {
    Atomics.add(counts, 1, 1);
  }
}

/** The same without a wait. */
export function spins(ms, counts) {
  Atomics.add(counts, 0, 1);
  try {
    const until = performance.now() + ms;
    while (performance.now() < until) checkpoint();
    return ms;
  } finally {
    Atomics.add(counts, 1, 1);
  }
}

/** Never looks. */
export function blocks() {
  for (;;);
}

export function dies() {
  process.exit(1);
}
