// A reconnect storm as a model: many clients lose their servers and come back, through a balancer that
// knows nothing of how busy a server is. Virtual time in ticks; clients are numbers in typed arrays, so
// ten million of them fit: about 12 bytes each, and no task.
//
// States of a client:
//   AWAY --its time comes--> ASKING (in the queue of a server) --served--> CONNECTED
//     ^                        |
//     '--its back-off----------+ its patience ends, or it is refused, or its server dies
//
// - A client has at most one event on the wheel: its next attempt while AWAY, the end of its patience
//   while ASKING. It is taken off when the client is served.
// - A server works through its queue in order. What it costs to greet a client is `cost` ms of one core.
//   With `notices: false`, it greets clients that have given up too: it cannot know before it answers.
//
// What is not in it: the network's own limits, and clients that leave by themselves.
import { seeded } from '../../scripts/seeded.mjs';

/** How a client waits before it tries again: `(attempt, random) => ms`; attempts count from 1. */
export const backoffs = {
  exponential: (attempt) => Math.min(60_000, 500 * 2 ** attempt),
  // What maitre's retry() does.
  'half jitter': (attempt, random) => Math.min(60_000, 500 * 2 ** attempt) * (0.5 + random() / 2),
  'full jitter': (attempt, random) => Math.min(60_000, 500 * 2 ** attempt) * random(),
  'full jitter to 10 s': (attempt, random) => Math.min(10_000, 500 * 2 ** attempt) * random(),
};

const TICK = 50;

/**
 * @param clients how many
 * @param servers how many
 * @param cost ms of a core that a greeting takes: accept, TLS, login
 * @param backoff one of `backoffs`
 * @param spread ms over which first attempts are spread: 0, all at once
 * @param refusal ms of a core that a refusal takes
 * @param patience ms that a client waits for its greeting
 * @param backlog clients that may stand in the queue of a server; the next one is refused
 * @param notices whether a server sees that a client in its queue has given up
 * @param batches in how many steps the servers are restarted, `every` ms apart; 1: all at once
 * @param until ms of virtual time
 */
export function storm({
  clients = 10_000_000,
  servers = 1000,
  cost = 1,
  refusal = 0.02,
  backoff = backoffs['full jitter'],
  spread = 0,
  patience = 5000,
  backlog = 511,
  notices = true,
  batches = 1,
  every = 0,
  until = 300_000,
  seed = 1,
}) {
  const random = seeded(seed);
  const ticks = Math.ceil(until / TICK);
  const attempt = new Uint8Array(clients); // of the present or the next attempt
  const state = new Uint8Array(clients); // AWAY, ASKING, CONNECTED
  const home = new Uint16Array(clients); // the server that it is connected to, or asks
  const next = new Int32Array(clients).fill(-1); // on the wheel
  const previous = new Int32Array(clients).fill(-1); // on the wheel: a client, or -2 - tick for the first of it
  const due = new Int32Array(ticks + 1).fill(-1); // the first client of each tick
  const busy = new Float64Array(servers); // ms that each has spent beyond its ticks
  const queues = Array.from({ length: servers }, () => new Queue());
  const [AWAY, ASKING, CONNECTED] = [0, 1, 2];

  let connected = clients;
  let served = 0;
  let wasted = 0;
  let refused = 0;
  let gaveUp = 0;
  const curve = [];
  const attempts = new Float64Array(ticks);

  const at = (client, ms, now) => {
    const tick = Math.min(ticks, now + Math.max(1, Math.round(ms / TICK)));
    const second = (next[client] = due[tick]);
    if (second !== -1) previous[second] = client;
    previous[client] = -2 - tick;
    due[tick] = client;
  };
  const takeOff = (client) => {
    const [before, after] = [previous[client], next[client]];
    if (before >= 0) next[before] = after;
    else due[-2 - before] = after;
    if (after !== -1) previous[after] = before;
  };
  for (let client = 0; client < clients; client++) {
    home[client] = client % servers;
    state[client] = CONNECTED;
  }

  const restart = (batch, now) => {
    for (let client = 0; client < clients; client++) {
      if (state[client] !== CONNECTED || Math.floor((home[client] * batches) / servers) !== batch) continue;
      state[client] = AWAY;
      attempt[client] = 0;
      connected--;
      at(client, spread * random(), now);
    }
  };

  const tryAgain = (client, now) => {
    state[client] = AWAY;
    if (attempt[client] < 255) attempt[client]++;
    at(client, backoff(Math.min(attempt[client], 20), random), now);
  };

  let batch = 0;
  for (let now = 0; now < ticks; now++) {
    if (batch < batches && now * TICK >= batch * every) restart(batch++, now);
    for (let client = due[now]; client !== -1; client = due[now]) {
      takeOff(client);
      if (state[client] === ASKING) {
        gaveUp++;
        tryAgain(client, now); // what it left in a queue is told by its number
      } else if (state[client] === AWAY) {
        attempts[now]++;
        const server = Math.floor(random() * servers);
        const queue = queues[server];
        if (queue.length >= backlog) {
          refused++;
          busy[server] += refusal;
          tryAgain(client, now);
        } else {
          state[client] = ASKING;
          home[client] = server;
          queue.push(client, attempt[client]);
          at(client, patience, now);
        }
      }
    }
    for (const [server, queue] of queues.entries()) {
      let left = TICK - busy[server];
      while (left > 0 && queue.length > 0) {
        const entry = queue.shift();
        const asked = entry & 0xffffff;
        const isPresent = state[asked] === ASKING && home[asked] === server && attempt[asked] === entry >>> 24;
        if (isPresent) {
          state[asked] = CONNECTED;
          connected++;
          served++;
          takeOff(asked);
          left -= cost;
        } else if (!notices) {
          wasted++;
          left -= cost;
        }
      }
      busy[server] = Math.max(0, -left);
    }
    if (now % (1000 / TICK) === 0) curve.push([(now * TICK) / 1000, connected / clients]);
    if (batch === batches && connected === clients) break;
  }
  const perSecond = [];
  for (let i = 0; i < ticks; i += 1000 / TICK) {
    let sum = 0;
    for (let j = i; j < i + 1000 / TICK && j < ticks; j++) sum += attempts[j];
    perSecond.push([(i * TICK) / 1000, sum / servers]);
  }
  const last = curve.findLastIndex(([, share]) => share < 0.999);
  return {
    /** Seconds until 99.9 % are back; Infinity if that is not within `until`. */
    seconds:
      curve.at(-1)[1] < 0.999 && connected < clients * 0.999
        ? Infinity
        : (curve[last + 1]?.[0] ?? curve[last]?.[0] + 1),
    /** The most attempts that a server saw in a second, on average over all servers. */
    peak: Math.max(...perSecond.map(([, count]) => count)),
    /** Attempts for each client that came back. */
    perClient: attempts.reduce((sum, count) => sum + count, 0) / Math.max(1, served),
    /** The share of the servers' work that was for clients that had given up. */
    wasted: wasted / Math.max(1, wasted + served),
    refused,
    gaveUp,
    curve,
    perSecond,
  };
}

/** The queue of a server: a client in 24 bits and its attempt in 8. */
class Queue {
  #entries = new Uint32Array(1024);
  #first = 0;
  length = 0;

  push(client, attempt) {
    if (this.length === this.#entries.length) this.#grow();
    this.#entries[(this.#first + this.length++) & (this.#entries.length - 1)] = client | (attempt << 24);
  }

  shift() {
    const entry = this.#entries[this.#first];
    this.#first = (this.#first + 1) & (this.#entries.length - 1);
    this.length--;
    return entry;
  }

  #grow() {
    const larger = new Uint32Array(2 * this.#entries.length);
    for (let i = 0; i < this.length; i++) larger[i] = this.#entries[(this.#first + i) & (this.#entries.length - 1)];
    this.#entries = larger;
    this.#first = 0;
  }
}
