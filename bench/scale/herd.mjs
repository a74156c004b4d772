// A thundering herd as a model: one key that everybody reads expires at one moment, and every reader that
// misses it asks the origin. Virtual time in ticks; the readers of a server are a number, not objects.
//
// - The origin answers `places` questions at once, each after `takes` ms. The others stand in its queue.
// - An answer fills the cache of the server that asked. Questions that it has asked meanwhile are worked
//   off all the same: nobody tells the origin that they are of no use any more.
import { seeded } from '../../scripts/seeded.mjs';

const TICK = 10;

/**
 * @param share who asks: 'reader', each reader that misses; 'server', one for all readers of a server; 'all', one for
 * all servers, under a lock that they share, and the others look again
 * @param jitter the share of its life by which the key expires earlier, at random for each server
 * @param stale whether readers get the old value while one asks
 */
export function herd({
  readers = 10_000_000,
  servers = 1000,
  perReader = 0.1,
  takes = 200,
  places = 50,
  life = 60_000,
  jitter = 0,
  share = 'reader',
  stale = false,
  look = 50,
  until = 120_000,
  seed = 1,
}) {
  const random = seeded(seed);
  const rate = (readers / servers) * perReader * (TICK / 1000); // reads of a server in a tick
  const expires = Float64Array.from({ length: servers }, () => 10_000 - life * jitter * random());
  const filled = new Float64Array(servers).fill(Infinity); // when the new value came
  const asking = new Uint8Array(servers);
  const waiting = new Float64Array(servers); // readers that wait for an answer
  const queue = []; // [server, questions], in order
  const busy = []; // [end, server, questions]
  let queued = 0;
  let inWork = 0;
  let questions = 0;
  let most = 0;
  let longest = 0;
  let waited = 0;
  let sharedAt = Infinity; // when the value is there for all
  let isLocked = false;
  const curve = [];
  for (let now = Math.floor(Math.min(...expires) / TICK) * TICK; now < until; now += TICK) {
    while (busy.length > 0 && busy[0][0] <= now) {
      const [, server, count] = busy.shift();
      inWork -= count;
      if (share === 'all') sharedAt = Math.min(sharedAt, now);
      if (filled[server] === Infinity) filled[server] = now;
    }
    for (let server = 0; server < servers; server++) {
      if (now < expires[server]) continue;
      if (share === 'all' && now >= sharedAt + look * random() && filled[server] === Infinity) filled[server] = now;
      if (now >= filled[server]) {
        waiting[server] = 0;
        continue;
      }
      if (!stale) {
        waiting[server] += rate;
        waited += rate;
        longest = Math.max(longest, now - expires[server]);
      }
      const asks = share === 'reader' ? rate : share === 'server' ? (asking[server] ? 0 : 1) : isLocked ? 0 : 1;
      if (asks === 0) continue;
      asking[server] = 1;
      isLocked = true;
      questions += asks;
      queued += asks;
      queue.push([server, asks]);
    }
    while (inWork < places && queue.length > 0) {
      const first = queue[0];
      const count = Math.min(first[1], places - inWork);
      first[1] -= count;
      if (first[1] < 1e-9) queue.shift();
      queued -= count;
      inWork += count;
      busy.push([now + takes, first[0], count]);
    }
    most = Math.max(most, queued);
    if (now % 100 === 0) curve.push([now / 1000 - 10, queued]);
    if (queued < 1e-6 && inWork < 1e-6 && filled.every((at) => at <= now)) break;
  }
  return {
    questions: Math.round(questions),
    /** The longest queue of the origin. */
    most: Math.round(most),
    /** Seconds until every server has the value. */
    seconds: Math.max(...filled.map((at, i) => (at === Infinity ? Infinity : at - expires[i]))) / 1000,
    /** Seconds until the origin has worked off what it was asked; Infinity if that is not within `until`. */
    origin: queued > 1e-6 ? Infinity : (curve.at(-1)?.[0] ?? 0),
    longest: longest / 1000,
    waited: Math.round(waited),
    curve,
  };
}
