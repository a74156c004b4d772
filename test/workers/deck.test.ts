// The deck, with real sockets and workers that only remember what they were sent.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, openConnection } from 'maitre';
import { runWithFakeClock } from 'maitre/testing';
import { type ClientToSend, Deck, type WorkerLeaf } from '#src/workers/index.js';
import type { SharedOptions } from '#src/workers/protocol.js';
import { freePort } from '../net/sockets.js';
import { test } from '../support/test.js';

/** A worker that is sent clients, and takes them when it is told to. */
class Hand implements WorkerLeaf {
  readonly place = 'here';
  readonly sent: {
    readonly id: number;
    readonly client: ClientToSend;
    readonly lost: Parameters<WorkerLeaf['send']>[1];
  }[] = [];
  isGone = false;

  send(client: ClientToSend, lost: Parameters<WorkerLeaf['send']>[1]): boolean {
    if (!this.isGone) this.sent.push({ id: client.id, client, lost });
    return !this.isGone;
  }

  listening(): void {}
  refused(): void {}
  post(): void {}
  drain(): void {}
  kill(): void {}
}

const where = { host: '127.0.0.1', port: 0 } as const;

/** A deck with one place and `count` workers, from 1 on. */
async function open(
  count: number,
  options: SharedOptions = where,
): Promise<{ deck: Deck; hands: Hand[]; port: number }> {
  const deck = new Deck({ onRefused: () => undefined });
  const hands: Hand[] = [];
  for (let id = 1; id <= count; id++) {
    const hand = new Hand();
    hands.push(hand);
    await deck.open(id, hand, { key: 1, options });
    deck.admit(id);
  }
  const [address] = deck.addresses as { port: number }[];
  return { deck, hands, port: address!.port };
}

/** Lets clients come, one after the other, until the deck has them. */
async function come(deck: Deck, port: number, count = 1): Promise<Connection[]> {
  const connections: Connection[] = [];
  for (let i = 0; i < count; i++) {
    const before = deck.statistics().accepted;
    connections.push(await openConnection({ host: '127.0.0.1', port }));
    while (deck.statistics().accepted === before) await turn();
  }
  return connections;
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 1));
}

function end(deck: Deck, hands: readonly Hand[], connections: readonly Connection[]): void {
  deck.close();
  for (const { sent } of hands) for (const { client } of sent) client.handle.close();
  for (const connection of connections) connection.abort();
}

test('a client goes to the worker that has the fewest, and among equals in turn', async () => {
  const { deck, hands, port } = await open(3);
  const connections = await come(deck, port, 6);
  assert.deepEqual(
    hands.map(({ sent }) => sent.map(({ id }) => id)),
    [
      [1, 4],
      [2, 5],
      [3, 6],
    ],
  );
  deck.took(2);
  deck.left(2);
  connections.push(...(await come(deck, port)));
  assert.equal(hands[1]!.sent.at(-1)!.id, 7);
  end(deck, hands, connections);
});

test('a worker that is not admitted is sent nobody, and its clients count for it until they leave', async () => {
  const { deck, hands, port } = await open(2);
  const connections = await come(deck, port, 2);
  deck.took(1);
  deck.retire(1);
  connections.push(...(await come(deck, port, 2)));
  assert.deepEqual([deck.connections(1), deck.connections(2)], [1, 3]);
  deck.left(1);
  assert.equal(deck.connections(1), 0);
  end(deck, hands, connections);
});

test('without a worker, clients wait in line, and come in its order', async () => {
  const { deck, hands, port } = await open(1);
  deck.retire(1);
  const connections = await come(deck, port, 3);
  assert.equal(deck.statistics().waiting, 3);
  deck.admit(1);
  assert.deepEqual(
    hands[0]!.sent.map(({ id }) => id),
    [1, 2, 3],
  );
  assert.deepEqual(deck.statistics(), { accepted: 3, refused: 0, waiting: 0, sent: 3, taken: 0 });
  end(deck, hands, connections);
});

test('a client for which the line has no room is refused', async () => {
  const { deck, hands, port } = await open(1, { ...where, backlog: 1 });
  deck.retire(1);
  const connections = await come(deck, port, 1);
  await assert.rejects(async () => {
    const more = await openConnection({ host: '127.0.0.1', port });
    connections.push(more);
    await more.reader.read();
  });
  assert.equal(deck.statistics().refused, 1);
  end(deck, hands, connections);
});

test('a client that its worker did not take goes to another one, those that it took end with it', async () => {
  const { deck, hands, port } = await open(2);
  const connections = await come(deck, port, 4);
  const [first, second] = hands as [Hand, Hand];
  deck.took(1);
  first.isGone = true;
  const [taken, unsure] = first.sent.splice(0);
  taken!.client.handle.close();
  deck.retire(1);
  unsure!.lost(unsure!.client.handle);
  assert.equal(deck.gone(1), 1);
  assert.deepEqual(
    second.sent.map(({ id }) => id),
    [2, 4, 3],
  );
  end(deck, hands, connections);
});

test('a worker that is gone before it can be told loses nobody', async () => {
  const { deck, hands, port } = await open(2);
  hands[0]!.isGone = true;
  const connections = await come(deck, port, 2);
  assert.deepEqual(
    hands[1]!.sent.map(({ id }) => id),
    [1, 2],
  );
  assert.equal(deck.gone(1), 0);
  end(deck, hands, connections);
});

test('a worker that takes nobody for half a second is passed over', async () => {
  await runWithFakeClock(async (clock) => {
    const { deck, hands, port } = await open(2);
    const connections = await come(deck, port, 2);
    deck.took(1);
    await clock.advance(500);
    connections.push(...(await come(deck, port, 2)));
    assert.deepEqual([deck.connections(1), deck.connections(2)], [3, 1]);
    end(deck, hands, connections);
  });
});

test('servers of several workers share a port, and those of one worker do not', async () => {
  const { deck, hands } = await open(2);
  const [again, second] = hands as [Hand, Hand];
  await deck.open(1, again, { key: 2, options: where });
  await deck.open(2, second, { key: 2, options: where });
  const ports = (deck.addresses as { port: number }[]).map(({ port }) => port);
  assert.equal(new Set(ports).size, 2);
  const folder = mkdtempSync(join(tmpdir(), 'maitre-deck-'));
  const taken = { path: join(folder, 'deck.sock') };
  await deck.open(1, again, { key: 3, options: taken });
  await assert.rejects(deck.open(1, again, { key: 4, options: taken }), { code: 'EADDRINUSE' });
  deck.close();
  rmSync(folder, { recursive: true });
});

test('servers of one worker that are started at the same time share no port', async () => {
  const { deck, hands } = await open(1);
  const hand = hands[0]!;
  const opened = await Promise.all([2, 3].map((key) => deck.open(1, hand, { key, options: where })));
  const ports = (opened.flat() as { port: number }[]).map(({ port }) => port);
  assert.equal(new Set(ports).size, 2);
  const taken = { ...where, port: await freePort() };
  const both = await Promise.allSettled([4, 5].map((key) => deck.open(1, hand, { key, options: taken })));
  assert.deepEqual(
    both.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  );
  assert.equal(((both[1] as PromiseRejectedResult).reason as NodeJS.ErrnoException).code, 'EADDRINUSE');
  deck.close();
});

test('a place of the workers before stays open for five seconds, for one that listens late', async () => {
  await runWithFakeClock(async (clock) => {
    const { deck, hands, port } = await open(1);
    deck.retire(1);
    const late = new Hand();
    await deck.open(2, late, { key: 1, options: { ...where, port: await freePort() } });
    deck.admit(2);
    deck.unlisten(1, 1);
    deck.gone(1);
    await clock.advance(4999);
    const connections = await come(deck, port);
    assert.equal(deck.statistics().waiting, 1);
    await deck.open(2, late, { key: 2, options: where });
    assert.deepEqual(
      late.sent.map(({ client }) => client.key),
      [2],
    );
    await clock.advance(10_000);
    assert.equal(deck.addresses.length, 2);
    deck.left(late.sent[0]!.id);
    end(deck, [...hands, late], connections);
  });
});

test('a place that a worker opens as it dies is closed', async () => {
  await runWithFakeClock(async (clock) => {
    const { deck } = await open(1);
    const opening = deck.open(2, new Hand(), { key: 1, options: { ...where, port: await freePort() } });
    deck.gone(2);
    assert.deepEqual(await opening, []);
    await clock.advance(5000);
    assert.equal(deck.addresses.length, 1);
    deck.close();
  });
});

test('a place that no worker listens on any more is closed, while another worker serves', async () => {
  const { deck, hands } = await open(2);
  await deck.open(1, hands[0]!, { key: 2, options: where });
  assert.equal(deck.addresses.length, 2);
  deck.unlisten(1, 2);
  assert.equal(deck.addresses.length, 1);
  deck.retire(1);
  deck.retire(2);
  deck.gone(1);
  deck.gone(2);
  assert.equal(deck.addresses.length, 1); // the next worker will want it
  deck.close();
});
