import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type Connection, openConnection, TaskGroup } from 'maitre';
import { endsWith, startServing } from '../support/program.js';
import { test } from '../support/test.js';

const CLIENTS = 200;
const MESSAGES = 10;

/** Somebody in the room, with all the lines it got since its welcome. */
class Guest implements AsyncDisposable {
  readonly name: string;
  readonly connection: Connection;
  readonly lines: AsyncIterator<string>;

  private constructor(name: string, connection: Connection, lines: AsyncIterator<string>) {
    this.name = name;
    this.connection = connection;
    this.lines = lines;
  }

  /** Connects and gives a name; resolves when it is in the room, with what it was told then. */
  static async enter(port: number, name: string): Promise<[guest: Guest, welcome: string]> {
    const connection = await openConnection({ host: '127.0.0.1', port });
    const guest = new Guest(name, connection, connection.reader.lines());
    assert.equal(await guest.next(), '* your name?');
    guest.say(name);
    return [guest, await guest.next()];
  }

  say(line: string): void {
    this.connection.writer.write(`${line}\n`);
  }

  /** The next line. */
  async next(): Promise<string> {
    const { value, done } = await this.lines.next();
    assert.notEqual(done, true, `${this.name}: the server ended the connection`);
    return value as string; // not done
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close();
  }
}

test('chat tells everybody who comes, what the others say, and who leaves', async () => {
  await using chat = await startServing(['examples/chat.ts']);
  const [ann, alone] = await Guest.enter(chat.port, 'ann');
  assert.equal(alone, '* welcome, ann; here are: nobody');
  const [bob, welcome] = await Guest.enter(chat.port, 'bob');
  assert.equal(welcome, '* welcome, bob; here are: ann');
  assert.equal(await ann.next(), '* bob came in');
  ann.say('hi bob');
  bob.say('hi \u001b[2Jann\u0007');
  assert.equal(await bob.next(), 'ann: hi bob');
  assert.equal(await ann.next(), 'bob: hi  [2Jann', 'control characters do not reach a terminal');
  await bob[Symbol.asyncDispose]();
  assert.equal(await ann.next(), '* bob left');
  // One that is lost leaves too.
  const [eve] = await Guest.enter(chat.port, 'eve');
  assert.equal(await ann.next(), '* eve came in');
  eve.connection.abort();
  assert.equal(await ann.next(), '* eve left');
  await ann[Symbol.asyncDispose]();
});

test('chat asks again for a name that is taken or is none, and again can be the name of one who left', async () => {
  await using chat = await startServing(['examples/chat.ts']);
  const [ann] = await Guest.enter(chat.port, 'ann');
  const [other, answer] = await Guest.enter(chat.port, 'ann');
  assert.equal(answer, '* ann is here already; another name?');
  other.say('two words');
  assert.equal(await other.next(), '* a name has 1 to 20 letters or digits; yours?');
  await ann[Symbol.asyncDispose]();
  // Nobody tells those who have no name yet when ann is out; a line of the server does.
  await chat.program.sees(/ done\n/);
  other.say('ann');
  assert.equal(await other.next(), '* welcome, ann; here are: nobody');
  await other[Symbol.asyncDispose]();
});

test(
  `chat with ${CLIENTS} clients delivers every message once and in order to each`,
  async () => {
    await using chat = await startServing(['examples/chat.ts']);
    const [witness] = await Guest.enter(chat.port, 'witness'); // says nothing, and so hears everything
    const guests = await Promise.all(
      Array.from({ length: CLIENTS }, async (_, i) => (await Guest.enter(chat.port, `guest${i}`))[0]),
    );
    const names = guests.map(({ name }) => name);
    const arrivals = await take(witness, CLIENTS);
    assert.deepEqual(arrivals.toSorted(), names.map((name) => `* ${name} came in`).toSorted());

    // All talk at once, each its messages one after the other, some of them in one write.
    for (const guest of guests) {
      for (let i = 0; i < MESSAGES; i++) guest.say(`message ${i}`);
    }
    let heard: string[] = [];
    const received = new Map<string, string[]>();
    await TaskGroup.run((group) => {
      group.createTask(async () => {
        heard = await take(witness, CLIENTS * MESSAGES);
      });
      for (const [index, guest] of guests.entries()) {
        group.createTask(async () => {
          // First those who came after it, in the order of the room; then what the others say.
          const place = arrivals.indexOf(`* ${guest.name} came in`);
          assert.deepEqual(await take(guest, CLIENTS - 1 - place), arrivals.slice(place + 1));
          const mine = await take(guest, (CLIENTS - 1) * MESSAGES);
          const next = new Map<string, number>();
          for (const line of mine) {
            const [, name = '', number] = /^(\w+): message (\d+)$/.exec(line) ?? [];
            assert.equal(Number(number), next.get(name) ?? 0, `${guest.name} got "${line}" out of order`);
            next.set(name, Number(number) + 1);
          }
          assert.deepEqual([...next.keys()].toSorted(), names.toSpliced(index, 1).toSorted());
          received.set(guest.name, mine);
        });
      }
    });
    // And all in the same order, each without its own.
    for (const [name, mine] of received) {
      assert.deepEqual(
        mine,
        heard.filter((line) => !line.startsWith(`${name}: `)),
      );
    }

    // Nothing follows but the end of the server, in which all leave.
    const ending = endsWith(chat.program, 'SIGINT', 0, 10_000);
    await Promise.all(
      [witness, ...guests].map(async (guest) => {
        for (;;) {
          const { value, done } = await guest.lines.next();
          if (done === true) break;
          assert.match(value, /^\* \w+ left$/);
        }
        await guest[Symbol.asyncDispose]();
      }),
    );
    assert.equal((await ending).stderr, '');
  },
  { timeout: 30_000 },
);

test('a client that never reads delays nobody, and is sent away when too much waits for it', async () => {
  await using chat = await startServing(['examples/chat.ts']);
  const slow = connect({ host: '127.0.0.1', port: chat.port }); // nobody listens to its data, so nothing is read
  slow.on('error', () => undefined);
  await once(slow, 'connect');
  const [talker] = await Guest.enter(chat.port, 'talker');
  const [listener] = await Guest.enter(chat.port, 'listener');
  assert.equal(await talker.next(), '* listener came in');
  slow.write('slow\n');
  assert.equal(await talker.next(), '* slow came in');
  assert.equal(await listener.next(), '* slow came in');

  // Far more than the kernel takes for a client that does not read; one round at a time, so that the others keep up.
  // If the room waited for the slow one, a round would never end.
  const book = 'x'.repeat(8000);
  let sentAway = 0;
  const rounds: number[] = [];
  for (let round = 0; round < 100; round++) {
    const start = performance.now();
    for (let i = 0; i < 20; i++) talker.say(`${round} ${i} ${book}`);
    for (let i = 0; i < 20; i++) {
      let line = await listener.next();
      if (line === '* slow was sent away: too slow') {
        sentAway++;
        line = await listener.next();
      }
      assert.equal(line, `talker: ${round} ${i} ${book}`);
    }
    rounds.push(performance.now() - start);
  }
  assert.equal(sentAway, 1, 'the slow one was sent away once, while the talk went on');
  assert.equal(await talker.next(), '* slow was sent away: too slow');
  const slowest = Math.max(...rounds);
  assert.ok(slowest < 2000, `a round of 20 lines took ${slowest.toFixed(0)} ms`);

  // It is out: its connection broke before all of it came, and its name is free.
  const closed = new Promise((resolve) => slow.on('close', resolve));
  slow.resume();
  await closed;
  assert.ok(slow.bytesRead < 100 * 20 * 8000);
  const [again, welcome] = await Guest.enter(chat.port, 'slow');
  assert.equal(welcome, '* welcome, slow; here are: talker, listener');
  for (const guest of [again, talker, listener]) await guest[Symbol.asyncDispose]();
});

async function take(guest: Guest, count: number): Promise<string[]> {
  const lines: string[] = [];
  while (lines.length < count) lines.push(await guest.next());
  return lines;
}
