// What docs/guides/scale.md asks of the models. `size` is the share of ten million clients and a thousand
// servers: what a server sees does not depend on it.
import { balancers, shard } from './shard.mjs';
import { backoffs, storm } from './storm.mjs';
import { herd } from './herd.mjs';

export function storms(size = 1) {
  const base = { clients: 10_000_000 * size, servers: Math.max(10, 1000 * size), cost: 3, until: 120_000 };
  const open = { backlog: Infinity, notices: false };
  const cases = {
    'no bound, exponential back-off': { ...open, backoff: backoffs.exponential },
    'no bound, full jitter': open,
    'no bound, who left is noticed': { backlog: Infinity },
    'backlog 511, exponential': { backoff: backoffs.exponential },
    'backlog 511, half jitter': { backoff: backoffs['half jitter'] },
    'backlog 511, full jitter': {},
    'backlog 511, full jitter to 10 s': { backoff: backoffs['full jitter to 10 s'] },
    'told to come within 40 s': { spread: 40_000 },
    'rolling, 2 % every 2 s': {
      batches: Math.min(50, base.servers),
      every: 100_000 / Math.min(50, base.servers),
      spread: 2000,
    },
  };
  return rows(cases, (options) => storm({ ...base, ...options }));
}

export function shards(size = 1) {
  const base = { servers: 1000 * Math.max(0.1, size), requests: 10_000_000 * Math.max(0.1, size) };
  const kinds = {
    'ten times slower': {},
    'ten times slower, at most 8 in flight': { limit: 8 },
    'fails at once': { factor: 0.1, fails: true, load: 0.9 },
  };
  return Object.entries(kinds).flatMap(([kind, options]) =>
    rows(balancers, (balancer) => shard({ ...base, ...options, slow: base.servers / 100, balancer })).map((row) => ({
      kind,
      ...row,
    })),
  );
}

export function herds(size = 1) {
  const base = { readers: 10_000_000 * size, servers: 1000 * size, places: 50 * size, look: 50 };
  const cases = {
    'each reader asks': {},
    'one for each server': { share: 'server' },
    '... and others get the old value': { share: 'server', stale: true },
    '... and it expires up to 10 % early': { share: 'server', stale: true, jitter: 0.1 },
    'one for all servers': { share: 'all' },
  };
  return rows(cases, (options) => herd({ ...base, ...options }));
}

function rows(cases, run) {
  return Object.entries(cases).map(([name, options]) => ({ name, ...run(options) }));
}
