// The examples echo and chat under abuse over sockets: some seconds of what hour.test.ts has for an hour, with the parts of maitre
// that a memory pair has not. Some clients go to the server directly, some by a proxy that loses nothing, the rude ones by
// one that does anything. The seed repeats it as far as the system lets it.
import assert from 'node:assert/strict';
import {
  type Connection,
  ConnectionLostError,
  Event,
  type Handler,
  openConnection,
  type Server,
  sleep,
  startServer,
  TaskGroup,
  timeout,
} from 'maitre';
import { type ConnectionFaults, drawFaults, seededRandom, simulate, type Simulation } from 'maitre/testing';
import { HOST, portOf, until } from '../net/sockets.js';
import { collectGarbage } from '../support/garbage.js';
import { test } from '../support/test.js';
import {
  expectOneOrder,
  harmedOf,
  politeEcho,
  politeGuest,
  type Random,
  rudeEcho,
  rudeGuest,
  type Talk,
  upTo,
} from './clients.js';
import { chat, echo, seed } from './served-examples.js';

/** How long a client pauses here, ms, at most. */
const BRIEFLY = 60;
const ROUNDS = 3;
/** Milliseconds for a round, which takes some two seconds on an idle machine. */
const BOUND = 30_000;
/** Bytes that may be left after a round more than after the one before it. */
const GROWTH = 4 << 20;

/** A network that a test can wait for. */
function drawBrief(random: Random, lossless: boolean): ConnectionFaults {
  return { ...drawFaults(random, { lossless }), stallFor: [1, BRIEFLY] };
}

/** One of the examples behind two proxies: one that loses nothing, and one that does anything. */
class Place implements AsyncDisposable {
  readonly server: Server;
  readonly good: Simulation;
  readonly bad: Simulation;

  private constructor(server: Server, good: Simulation, bad: Simulation) {
    this.server = server;
    this.good = good;
    this.bad = bad;
  }

  static async open(handler: Handler, served: WeakRef<Connection>[], own: number): Promise<Place> {
    const remembering: Handler = (reader, writer, connection) => {
      served.push(new WeakRef(connection));
      return handler(reader, writer, connection);
    };
    // An error of a handler other than the loss of its client would be the example's mistake, or ours.
    const onError = (error: unknown): void => assert.ok(error instanceof ConnectionLostError, String(error));
    const server = await startServer(remembering, { host: HOST, onError });
    const target = { port: portOf(server) };
    const good = await simulate({ target, seed: own, faults: (_n, random) => drawBrief(random, true) });
    const bad = await simulate({ target, seed: ~own, faults: (_n, random) => drawBrief(random, false) });
    return new Place(server, good, bad);
  }

  /** A polite client's connection: every third goes there directly. */
  polite(n: number): Promise<Connection> {
    return openConnection({ host: HOST, port: n % 3 === 0 ? portOf(this.server) : this.good.port });
  }

  rude(): Promise<Connection> {
    return openConnection({ host: HOST, port: this.bad.port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.good.shutdown(), this.bad.shutdown()]);
    await this.server.shutdown({ grace: 0 });
  }
}

/** One round of abuse of both examples. Gives how many connections the proxies harmed. */
async function abuse(random: Random, served: WeakRef<Connection>[]): Promise<number> {
  const draws = (): Random => seededRandom(upTo(2 ** 31, random));
  await using echoes = await Place.open(echo, served, upTo(2 ** 31, random));
  await using room = await Place.open(chat, served, upTo(2 ** 31, random));
  const names = Array.from({ length: 9 }, (_, n) => `polite${n}`);
  const talk: Talk = { names, messages: 10, pause: BRIEFLY, mayBegin: new Event() };
  let arrived = 0;
  const cameIn = (): void => {
    if (++arrived === names.length) talk.mayBegin.set();
  };
  const heard: string[][] = [];
  await TaskGroup.run(async (group) => {
    const guests = names.map((name, n) => {
      const own = draws();
      return group.createTask(async () => {
        const end = await room.polite(n);
        return { end, heard: await politeGuest(end, name, talk, own, cameIn) };
      });
    });
    for (let n = 0; n < 30; n++) {
      await sleep(random() * BRIEFLY);
      for (const own of [draws(), draws()]) {
        group.createTask(async () => {
          if (n % 3 === 0) await politeEcho(await echoes.polite(n / 3), own, 30_000, BRIEFLY);
          else await rudeEcho(await echoes.rude(), own, BRIEFLY);
        });
      }
      const own = draws();
      group.createTask(async () => rudeGuest(await room.rude(), `rude${n}`, own, BRIEFLY));
    }
    const ends: Connection[] = [];
    for (const guest of guests) {
      const { end, heard: lines } = await guest;
      heard.push(lines);
      ends.push(end);
    }
    // Only when everybody has heard everything: an abort takes what its own side has said last with it.
    for (const end of ends) {
      end.abort();
      await end.writer.waitClosed();
    }
  });
  expectOneOrder(names, heard);
  for (const { server, good, bad } of [echoes, room]) {
    await until(() => server.connections.size === 0, `${server} to be left by all`);
    await until(() => [...good.connections, ...bad.connections].every(({ state }) => state !== 'open'), 'links to end');
    assert.equal(harmedOf(good.connections), 0);
  }
  return harmedOf([...echoes.bad.connections, ...room.bad.connections]);
}

test(
  `over sockets too, and what was served is gone after each of ${ROUNDS} rounds (seed ${seed})`,
  async () => {
    const random = seededRandom(seed);
    const served: WeakRef<Connection>[] = [];
    let harmed = 0;
    let before = Infinity;
    for (let round = 0; round < ROUNDS; round++) {
      harmed += await timeout(BOUND, () => abuse(random, served));
      if (collectGarbage === undefined) continue;
      for (let turn = 0; turn < 3; turn++) await sleep(1); // what was read last lets go of it
      collectGarbage();
      const alive = served.filter((each) => each.deref() !== undefined).length;
      assert.ok(alive <= 10, `${alive} of ${served.length} connections are kept by somebody`);
      const { heapUsed, external } = process.memoryUsage();
      const held = heapUsed + external;
      assert.ok(round < 2 || held < before + GROWTH, `${held - before} bytes more than a round before`);
      before = held;
    }
    assert.ok(served.length > ROUNDS * 60 && harmed > 0, `${harmed} of ${served.length} were harmed`);
  },
  { timeout: 50_000 },
);

test(`a server whose clients are stuck in a bad network shuts down in time (seed ${seed})`, async () => {
  const served: WeakRef<Connection>[] = [];
  await using echoes = await Place.open(echo, served, seed);
  const target = { port: portOf(echoes.server) };
  await using stuck = await simulate({ target, faults: { down: { stallAfter: 1000, stallFor: 3_600_000 } } });
  const count = 20;
  const clients: Connection[] = [];
  for (let n = 0; n < count; n++) {
    const client = await openConnection({ host: HOST, port: stuck.port });
    clients.push(client);
    client.writer.write(Buffer.alloc(n % 2 === 0 ? 100 : 8 << 20)); // some read all there is, some wait for ever
  }
  await until(() => served.length === count, 'all to be served');
  const start = performance.now();
  const report = await echoes.server.shutdown({ grace: 1000 });
  const took = performance.now() - start;
  assert.ok(took < 1000 + 2000 + 1500, `${took} ms`); // the grace, a second for cancels, one for aborts, and a slow machine
  assert.equal(report.finished + report.cancelled + report.aborted, count);
  assert.ok(report.finished >= count / 2, JSON.stringify(report));
  for (const client of clients) client.abort();
});
