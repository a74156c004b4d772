// How the soak measures memory, and what it calls growth.

import { setTimeout as delay } from 'node:timers/promises';

const KIB = 1024;

/**
 * What a round may add to what is alive, on the heap or outside of it: bytes for each client that left in it, and at all. An
 * entry in a Map is about as much, a connection a hundred times that; a table that doubles is seen in some rounds and not in
 * others.
 */
const LIVE_PER_CLIENT = 64;
const LIVE = 192 * KIB;
/** What a round may add to the resident memory, as a share of it. The collector lets it rise and fall. */
const RESIDENT_SHARE = 0.02;
/** What may be left on the heap when all clients have gone, bytes: compiled code, tables that keep their size. */
const LEFT_BEHIND = 3 * KIB * KIB;

/**
 * What is alive in this process, bytes, after as many full collections as find something: what one frees with a callback
 * (handles, finalizers) lets go of more. Needs --expose-gc.
 */
export async function measureLive() {
  let before = Infinity;
  for (let collections = 1; ; collections++) {
    globalThis.gc();
    const { heapUsed: heap, external } = process.memoryUsage();
    if (before - heap < 64 * KIB || collections === 6) return { heap, external };
    before = heap;
    await delay(20);
  }
}

/** What grew with the rounds, and what was left when everybody had gone: a sentence for each, none when all is well. */
export function findGrowth({ idle, rounds, empty, leftPerRound }) {
  const live = LIVE + LIVE_PER_CLIENT * leftPerRound;
  const bounds = {
    resident: (RESIDENT_SHARE * rounds.reduce((sum, round) => sum + round.resident, 0)) / rounds.length,
    heap: live,
    external: live,
    clientHeap: live,
    clientExternal: live,
  };
  const found = [];
  for (const [name, bound] of Object.entries(bounds)) {
    const growth = growthOf(rounds.map((round) => round[name]));
    if (growth > bound) found.push(`${name} grows by ${inKib(growth)} a round, ${inKib(bound)} are allowed`);
  }
  for (const name of ['heap', 'clientHeap']) {
    const left = empty[name] - idle[name];
    if (left > LEFT_BEHIND)
      found.push(`of ${name} ${inKib(left)} are left at the end, ${inKib(LEFT_BEHIND)} are allowed`);
  }
  return found;
}

/** What a round adds: the median of the slopes between all pairs (Theil and Sen), which a few odd figures do not move. */
function growthOf(figures) {
  const slopes = figures.flatMap((later, j) => figures.slice(0, j).map((earlier, i) => (later - earlier) / (j - i)));
  return slopes.sort((a, b) => a - b)[Math.floor(slopes.length / 2)];
}

function inKib(bytes) {
  return `${(bytes / KIB).toFixed(0)} KiB`;
}
