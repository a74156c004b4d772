// A slow server among many, as a model: requests come at random, a balancer chooses a server for each,
// and every server works through its queue in order. One server (or several) takes longer for each
// request, or answers with an error at once.
//
// A request's latency is known when it joins a queue: what stands before it, and itself. So the model
// keeps one number for each server, the time at which it has worked off its queue.
import { seeded } from '../../scripts/seeded.mjs';

/** How a balancer chooses: `(inFlight, random, turn) => server`. */
export const balancers = {
  'round robin': (inFlight, _random, turn) => turn % inFlight.length,
  random: (inFlight, random) => Math.floor(random() * inFlight.length),
  'two choices': (inFlight, random) => {
    const a = Math.floor(random() * inFlight.length);
    const b = Math.floor(random() * inFlight.length);
    return inFlight[a] <= inFlight[b] ? a : b;
  },
  'least connections': (inFlight, random) => {
    let best = Math.floor(random() * inFlight.length); // ties are broken at random
    const start = best;
    for (let i = 1; i < inFlight.length && inFlight[best] > 0; i++) {
      const server = (start + i) % inFlight.length;
      if (inFlight[server] < inFlight[best]) best = server;
    }
    return best;
  },
};

/**
 * @param servers how many; the first `slow` of them are the slow ones
 * @param work ms that a request takes on a healthy server
 * @param factor how many times longer it takes on a slow one; below 1 for one that fails at once
 * @param fails whether the slow servers answer with errors
 * @param load the share of the healthy servers' time that is asked for
 * @param limit requests that a server admits; the next is refused at once, and tried once on another; Infinity: no limit
 * @param patience ms after which a caller gives up; the server works on all the same
 */
export function shard({
  servers = 1000,
  slow = 1,
  work = 1,
  factor = 10,
  fails = false,
  load = 0.6,
  balancer = balancers['round robin'],
  limit = Infinity,
  patience = 1000,
  requests = 3_000_000,
  seed = 1,
}) {
  const random = seeded(seed);
  const freeAt = new Float64Array(servers);
  const inFlight = new Uint32Array(servers);
  const leaving = new Heap();
  const buckets = new Float64Array(200); // of latencies, each 6 % longer than the one before
  const gap = work / (load * servers);
  let now = 0;
  let onSlow = 0;
  let failed = 0;
  let refused = 0;
  for (let i = 0; i < requests; i++) {
    now += -Math.log(1 - random()) * gap;
    while (leaving.size > 0 && leaving.first <= now) inFlight[leaving.pop()]--;
    let server = balancer(inFlight, random, i);
    if (inFlight[server] >= limit) {
      refused++;
      server = Math.floor(random() * servers); // once more, elsewhere
      if (inFlight[server] >= limit) {
        failed++;
        continue;
      }
    }
    const isSlow = server < slow;
    if (isSlow) onSlow++;
    freeAt[server] = Math.max(now, freeAt[server]) + work * (isSlow ? factor : 1);
    inFlight[server]++;
    leaving.push(freeAt[server], server);
    const latency = freeAt[server] - now;
    if (latency > patience || (isSlow && fails)) failed++;
    else buckets[Math.min(199, Math.max(0, Math.round(Math.log(latency / work) / Math.log(1.06))))]++;
  }
  const percentile = (share) => {
    let sum = 0;
    const total = buckets.reduce((a, b) => a + b, 0);
    for (const [i, count] of buckets.entries()) if ((sum += count) >= share * total) return work * 1.06 ** i;
    return NaN;
  };
  return {
    onSlow: onSlow / requests,
    failed: failed / requests,
    refused: refused / requests,
    p50: percentile(0.5),
    p99: percentile(0.99),
    p999: percentile(0.999),
  };
}

/** Numbers with a key, the smallest key first. */
class Heap {
  #keys = [];
  #values = [];

  get size() {
    return this.#keys.length;
  }

  get first() {
    return this.#keys[0];
  }

  push(key, value) {
    const [keys, values] = [this.#keys, this.#values];
    let i = keys.length;
    keys.push(key);
    values.push(value);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (keys[parent] <= key) break;
      keys[i] = keys[parent];
      values[i] = values[parent];
      i = parent;
    }
    keys[i] = key;
    values[i] = value;
  }

  pop() {
    const [keys, values] = [this.#keys, this.#values];
    const result = values[0];
    const key = keys.pop();
    const value = values.pop();
    const size = keys.length;
    if (size === 0) return result;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      if (child + 1 < size && keys[child + 1] < keys[child]) child++;
      if (keys[child] >= key) break;
      keys[i] = keys[child];
      values[i] = values[child];
      i = child;
    }
    keys[i] = key;
    values[i] = value;
    return result;
  }
}
