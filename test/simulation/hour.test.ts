// The examples echo and chat under abuse, as a server has it in the wild: clients behind bad networks, clients that misbehave,
// and between them those that do all right, who must not notice. An hour of it, on a fake clock over memory pairs.
import assert from 'node:assert/strict';
import {
  type Connection,
  ConnectionLostError,
  createTask,
  Event,
  type Handler,
  sleep,
  type Task,
  TaskGroup,
} from 'maitre';
import { drawFaults, type Duplex, FaultyLink, memoryStreamPair, seededRandom } from 'maitre/testing';
import { fakeTest } from '../support/test.js';
import {
  enter,
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

const HOUR = 3_600_000;
const CLIENTS = 150;
/** How long a client pauses between two things it does, ms, at most. */
const PAUSE = 20_000;

/** Serves memory pairs as a Server does sockets: a handler's end is its connection's end, and its error touches nobody. */
class MemoryServer {
  readonly #handler: Handler;
  readonly #tasks = new Set<Task<void>>();
  readonly #links: FaultyLink[] = [];

  constructor(handler: Handler) {
    this.#handler = handler;
  }

  /** Handlers and links that have not ended. */
  get open(): number {
    return this.#tasks.size + this.#links.filter(({ state }) => state === 'open').length;
  }

  get links(): readonly FaultyLink[] {
    return this.#links;
  }

  /** A new client's end; behind a bad network, unless `faults` is undefined. */
  connect(random: Random, faults: 'none' | 'lossless' | 'any'): Duplex {
    const [client, near] = memoryStreamPair();
    if (faults === 'none') {
      this.#accept(near);
      return client;
    }
    const [far, server] = memoryStreamPair();
    const drawn = drawFaults(random, { lossless: faults === 'lossless' });
    this.#links.push(new FaultyLink(near, far, { faults: drawn, seed: upTo(2 ** 31, random) }));
    this.#accept(server);
    return client;
  }

  #accept(end: Duplex): void {
    const task: Task<void> = createTask(async () => {
      try {
        await this.#handler(end.reader, end.writer, end as Connection); // all that the examples use of one
      } catch (error) {
        if (!(error instanceof ConnectionLostError)) throw error;
      } finally {
        await end.close();
        this.#tasks.delete(task);
      }
    });
    this.#tasks.add(task);
  }
}

/** How a polite client gets to the server. */
function politeWay(random: Random): 'none' | 'lossless' {
  return random() < 0.3 ? 'none' : 'lossless';
}

fakeTest(`echo survives an hour of abuse, and no polite client loses a byte (seed ${seed})`, async (clock) => {
  const random = seededRandom(seed);
  const server = new MemoryServer(echo);
  let echoed = 0;
  await TaskGroup.run(async (group) => {
    for (let n = 0; n < CLIENTS; n++) {
      const own = seededRandom(upTo(2 ** 31, random));
      const polite = n % 2 === 0;
      await sleep(HOUR / CLIENTS);
      group.createTask(
        async () => {
          await sleep(own() * PAUSE);
          const end = server.connect(own, polite ? politeWay(own) : 'any');
          if (polite) echoed += await politeEcho(end, own, 30_000, PAUSE);
          else await rudeEcho(end, own, PAUSE);
        },
        { name: `${polite ? 'polite' : 'rude'} client ${n}` },
      );
    }
  });
  for (const link of server.links) await link.waitClosed();
  await sleep(1);
  assert.equal(server.open, 0, 'handlers or links are left');
  assert.ok(clock.now() >= HOUR && echoed > 20_000, `${clock.now()} ms, ${echoed} bytes`);
  assert.ok(harmedOf(server.links) > 0, 'the abuse was none');
});

fakeTest(`chat survives an hour of abuse, and every polite guest hears every other (seed ${seed})`, async (clock) => {
  const random = seededRandom(~seed);
  const server = new MemoryServer(chat);
  const messages = 20;
  const names = Array.from({ length: 10 }, (_, n) => `polite${n}`);
  const talk: Talk = { names, messages, pause: HOUR / messages, mayBegin: new Event() };
  let arrived = 0;
  const cameIn = (): void => {
    if (++arrived === names.length) talk.mayBegin.set();
  };
  const heard: string[][] = [];
  await TaskGroup.run(async (group) => {
    const ends: Duplex[] = [];
    const polite = names.map((name) => {
      const own = seededRandom(upTo(2 ** 31, random));
      const end = server.connect(own, politeWay(own));
      ends.push(end);
      return group.createTask(() => politeGuest(end, name, talk, own, cameIn), { name });
    });
    for (let n = 0; n < CLIENTS; n++) {
      const own = seededRandom(upTo(2 ** 31, random));
      await sleep(HOUR / CLIENTS);
      group.createTask(async () => {
        await sleep(own() * PAUSE);
        await rudeGuest(server.connect(own, 'any'), `rude${n}`, own, PAUSE);
      });
    }
    for (const task of polite) heard.push(await task);
    for (const end of ends) {
      end.abort(); // what is unread is of no interest
      await end.writer.waitClosed();
    }
  });
  expectOneOrder(names, heard);
  for (const link of server.links) await link.waitClosed();
  await sleep(1); // the clock moves when all handlers have read what there was
  const last = server.connect(random, 'none');
  assert.equal((await enter(last, 'last')).welcome, '* welcome, last; here are: nobody');
  await last.close();
  await sleep(1);
  assert.equal(server.open, 0, 'handlers or links are left');
  assert.ok(clock.now() >= HOUR);
  assert.ok(harmedOf(server.links) > 0, 'the abuse was none');
});
