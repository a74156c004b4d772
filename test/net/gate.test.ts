// A gate without a server: its clients are wires, and what is done with them is the test's own.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { BlockList } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type ExceptionContext, InvalidStateError, type Refusal, setExceptionHandler } from 'maitre';
import {
  type Accept,
  Connection,
  Gate,
  type GateEvents,
  type GateOptions,
  type GateStatistics,
  type Wire,
} from '#src/net/index.js';
import { memoryWirePair } from '#src/simulation/memory-wire.js';
import { test } from '../support/test.js';
import { first, renewed } from './fixtures/certificates.js';
import { HOST, isNode, pause, RawClient, until } from './sockets.js';

/** A gate on a free port that keeps what it is told; each wire sends back what comes, unless `user` does something else. */
class Watched implements GateEvents {
  readonly gate: Gate;
  readonly wires: Wire[] = [];
  readonly refused: Refusal[] = [];
  readonly listening: boolean[] = [];
  readonly #user: (wire: Wire) => void;

  constructor(options: GateOptions = {}, user?: (wire: Wire) => void) {
    const onRefused = (refusal: Refusal): void => void this.refused.push(refusal);
    this.gate = new Gate({ host: HOST, onRefused, ...options }, this);
    this.#user = user ?? ((wire) => this.echo(wire));
  }

  onClient(wire: Wire): void {
    this.wires.push(wire);
    this.#user(wire);
  }

  onListening(isUp: boolean): void {
    this.listening.push(isUp);
  }

  /** Sends everything back, and leaves the gate when the wire is closed. */
  echo(wire: Wire): void {
    wire.whenClosed(() => this.gate.leave(wire));
    wire.listen({
      onData: (chunk) => void wire.write([chunk], chunk.length),
      onDropped: () => undefined,
      onWritten: () => undefined,
      onEnd: () => wire.close(),
      onClose: () => undefined,
    });
  }

  get port(): number {
    const [address] = this.gate.addresses;
    assert.ok(address !== undefined && 'port' in address);
    return address.port;
  }

  get codes(): string[] {
    return this.refused.map(({ code }) => code);
  }

  /** What statistics() says that is not 0, refusals by their codes. */
  get figures(): Record<string, number> {
    const { refused, ...others }: GateStatistics = this.gate.statistics();
    return Object.fromEntries(Object.entries({ ...others, ...refused }).filter(([, count]) => count > 0));
  }

  /** Starts, runs `body`, closes, and waits until everybody has left. */
  async during(body: (port: number) => Promise<void>): Promise<void> {
    await this.gate.start();
    try {
      await body(this.port);
    } finally {
      this.gate.close();
      for (const wire of this.wires) wire.destroy();
      await until(() => this.gate.statistics().inside === 0, 'the clients to leave');
    }
  }
}

async function connect(port: number): Promise<RawClient> {
  return new RawClient(port).connected();
}

/** Waits until `client`, which may not even have heard that it was connected, is refused: with a reset, where one is to be seen. */
async function refusedBy(watched: Watched, count: number, client: RawClient): Promise<void> {
  await until(() => watched.refused.length === count && client.closed);
  if (isNode) assert.equal(client.error?.code, 'ECONNRESET');
}

function listOf(...addresses: string[]): BlockList {
  const list = new BlockList();
  for (const address of addresses) list.addAddress(address);
  return list;
}

test('a gate hands each client over as a wire, counts who is inside, and closes without them', async () => {
  const watched = new Watched();
  const { gate } = watched;
  assert.deepEqual([gate.isUp, gate.closed, gate.addresses], [false, false, []]);
  await watched.during(async (port) => {
    assert.deepEqual([gate.isUp, watched.listening], [true, [true]]);
    await gate.start(); // it listens already
    const [one, two] = [await connect(port), await connect(port)];
    for (const [i, client] of [one, two].entries()) {
      client.socket.write(`hi ${i}`);
      await client.receives(`hi ${i}`);
    }
    const [wire] = watched.wires;
    const address = one.socket.address() as { port: number }; // it is connected
    assert.deepEqual(wire?.addresses, {
      peer: { address: HOST, port: address.port, family: 'IPv4' },
      local: { address: HOST, port, family: 'IPv4' },
    });
    assert.deepEqual(watched.figures, { accepted: 2, inside: 2 });

    gate.close();
    assert.deepEqual([gate.isUp, gate.closed, gate.addresses, watched.listening], [false, true, [], [true, false]]);
    await assert.rejects(connect(port), { code: 'ECONNREFUSED' });
    two.socket.write('still here'); // who is inside is its user's
    await two.receives('still here');
    for (const client of [one, two]) await client.close();
    await until(() => gate.statistics().inside === 0);
    assert.deepEqual(watched.figures, { accepted: 2 });
  });
  await assert.rejects(gate.start(), InvalidStateError);
});

test('a gate that cannot listen rejects with the system error, and may be started again', async () => {
  const taken = new Watched();
  await taken.during(async (port) => {
    const watched = new Watched({ port });
    await assert.rejects(watched.gate.start(), { code: 'EADDRINUSE' });
    assert.deepEqual([watched.gate.isUp, watched.listening], [false, []]);
    taken.gate.close();
    await watched.during(async () => {
      const client = await connect(port);
      client.socket.write('x');
      await client.receives('x');
      await client.close();
    });
  });
});

test('maxConnections lets in as many, the next when one leaves, and refuses who finds the parking full', async () => {
  const watched = new Watched({ maxConnections: 1, backlog: 1 });
  await watched.during(async (port) => {
    const [served, waits] = [await connect(port), await connect(port)];
    waits.socket.write('early');
    await until(() => watched.figures['parked'] === 1);
    const late = new RawClient(port);
    await refusedBy(watched, 1, late);
    assert.match(watched.refused[0]?.message ?? '', /1 are served and 1 wait/);
    assert.deepEqual(watched.figures, { accepted: 3, parked: 1, inside: 1, backlog: 1 });
    await served.close();
    await waits.receives('early');
    assert.deepEqual(watched.figures, { accepted: 3, inside: 1, backlog: 1 });
    await waits.close();
  });
});

test('a place is free when leave() says so, not when the wire is closed', async () => {
  const watched = new Watched({ maxConnections: 1 }, () => undefined);
  await watched.during(async (port) => {
    const [one, two] = [await connect(port), await connect(port)];
    await until(() => watched.figures['parked'] === 1);
    let closed = false;
    watched.wires[0]?.whenClosed(() => (closed = true));
    watched.wires[0]?.destroy();
    await until(() => closed);
    await pause(5);
    assert.equal(watched.wires.length, 1);
    watched.gate.leave(watched);
    assert.equal(watched.wires.length, 2);
    for (const client of [one, two]) client.socket.destroy();
    watched.gate.leave(watched);
    await until(() => one.closed && two.closed);
  });
});

test('close drops who is parked, and lets nobody in whose place comes free later', async () => {
  const watched = new Watched({ maxConnections: 1 });
  await watched.during(async (port) => {
    const [served, waits] = [await connect(port), await connect(port)];
    await until(() => watched.figures['parked'] === 1);
    watched.gate.close();
    await until(() => waits.ended || waits.closed);
    await served.close();
    await waits.close();
    assert.deepEqual([watched.wires.length, watched.figures, watched.codes], [1, { accepted: 2 }, []]);
  });
});

for (const [code, options] of [
  ['block', { block: listOf(HOST) }],
  ['allow', { allow: listOf('192.0.2.1') }],
] as const) {
  test(`${code} keeps a client out, which is counted and told`, async () => {
    const watched = new Watched(options);
    await watched.during(async (port) => {
      await refusedBy(watched, 1, new RawClient(port));
      assert.deepEqual([watched.codes, watched.wires, watched.figures], [[code], [], { accepted: 1, [code]: 1 }]);
    });
  });
}

test('maxPerIp counts clients until their wires are closed, also those that are parked', async () => {
  const watched = new Watched({ maxPerIp: 2, maxConnections: 1 });
  await watched.during(async (port) => {
    const [one, two, three] = [await connect(port), await connect(port), new RawClient(port)];
    await refusedBy(watched, 1, three);
    assert.deepEqual(watched.figures, { accepted: 3, parked: 1, inside: 1, maxPerIp: 1 });
    await one.close();
    await until(() => watched.wires.length === 2);
    const four = await connect(port);
    await until(() => watched.figures['parked'] === 1);
    assert.deepEqual(watched.codes, ['maxPerIp']);
    for (const client of [two, four]) await client.close();
  });
});

test('with TLS a client is inside after its handshake, and a failed one is a refusal', async () => {
  const watched = new Watched({ tls: first, maxConnections: 1 });
  const { gate } = watched;
  await watched.during(async (port) => {
    const trusted = { host: HOST, port, servername: 'localhost', ca: [first.cert, renewed.cert] };
    const bad = await connect(port);
    await until(() => gate.statistics().handshakes === 1);
    const waits = connectTls(trusted);
    waits.on('error', (error) => assert.fail(error));
    await until(() => gate.statistics().parked === 1); // a handshake takes a place
    assert.equal(watched.wires.length, 0);
    bad.socket.write('GET / HTTP/1.1\r\n\r\n');
    await until(() => watched.wires.length === 1);
    assert.deepEqual(watched.codes, ['handshake']);
    assert.deepEqual(watched.figures, { accepted: 2, inside: 1, handshake: 1 });
    const [wire] = watched.wires;
    assert.ok(wire?.secured !== undefined && wire.secured === wire.socket);
    const { port: clientPort } = waits.address() as { port: number }; // it is connected
    assert.deepEqual(wire.addresses.peer, { address: HOST, port: clientPort, family: 'IPv4' });
    let text = '';
    waits.on('data', (chunk) => (text += String(chunk)));
    waits.write('secret');
    await until(() => text === 'secret');

    gate.setSecureContext(renewed);
    let closed = 0;
    waits.on('close', () => closed++);
    waits.end();
    await until(() => gate.statistics().inside === 0 && closed === 1);
    const again = connectTls(trusted);
    await until(() => watched.wires.length === 2);
    assert.equal(again.getPeerCertificate().fingerprint256, fingerprintOf(renewed.cert));
    again.on('close', () => closed++).end();
    bad.socket.destroy();
    await until(() => closed === 2 && bad.closed);
  });
});

function fingerprintOf(cert: string): string {
  return new X509Certificate(cert).fingerprint256;
}

test('close ends the handshakes under way, and tells nobody', async () => {
  const watched = new Watched({ tls: first });
  await watched.during(async (port) => {
    const client = await connect(port);
    await until(() => watched.gate.statistics().handshakes === 1);
    watched.gate.close();
    await until(() => client.ended || client.closed);
    await client.close();
    assert.deepEqual([watched.figures, watched.codes, watched.wires], [{ accepted: 1 }, [], []]);
  });
});

test('the secure context of a gate without TLS cannot be set', () => {
  const { gate } = new Watched();
  assert.throws(() => gate.setSecureContext(first), InvalidStateError);
});

test('behind a balancer a client is inside at once, and meet() says whether it may be served', async () => {
  const outcomes: (readonly [peer: string, isMet: boolean])[] = [];
  const watched: Watched = new Watched({ proxyProtocol: true, maxPerIp: 1, block: listOf('192.0.2.66') }, (wire) => {
    const connection = Connection.make(wire, { accepted: true, onGone: () => watched.gate.leave(connection) });
    void watched.gate.meet(connection).then((isMet) => {
      outcomes.push(['address' in connection.peer ? connection.peer.address : '', isMet]);
      if (!isMet) connection.abort();
      else void connection.reader.read().then(() => connection.close());
    });
  });
  await watched.during(async (port) => {
    const check = async (text: string): Promise<RawClient> => {
      const client = await connect(port);
      await until(() => watched.gate.statistics().accepted === outcomes.length + 1);
      const before = outcomes.length;
      client.socket.write(text);
      if (text === '') client.socket.end();
      await until(() => outcomes.length > before);
      return client;
    };
    const header = (address: string): string => `PROXY TCP4 ${address} 192.0.2.9 56324 443\r\n`;
    const clients = [
      await check(header('192.0.2.1')),
      await check(header('192.0.2.1')),
      await check(header('192.0.2.66')),
      await check('GET / HTTP/1.1\r\n\r\n'),
      await check(''),
    ];
    assert.deepEqual(outcomes, [
      ['192.0.2.1', true],
      ['192.0.2.1', false],
      ['192.0.2.66', false],
      [HOST, false],
      [HOST, false], // only looked whether we are here
    ]);
    assert.deepEqual(watched.codes, ['maxPerIp', 'block', 'proxyProtocol']);
    for (const client of clients) await client.close();
    await until(() => watched.gate.statistics().inside === 0);
    clients.push(await check(header('192.0.2.1'))); // its place by that name is free again
    assert.deepEqual(outcomes.at(-1), ['192.0.2.1', true]);
    await clients.at(-1)?.close();
  });
});

test('an accept that fails is a refusal, the gate goes on, and a client that comes after its close is dropped', async () => {
  let accept: Accept | undefined;
  const watched = new Watched();
  const onRefused = (refusal: Refusal): void => void watched.refused.push(refusal);
  const address = { address: '10.0.0.1', port: 80, family: 'IPv4' } as const;
  let listens = true;
  const gate = new Gate({ onRefused }, watched, undefined, (_options, told) => {
    accept = told;
    return Promise.resolve([{ address, close: () => void (listens = false) }]);
  });
  await gate.start();
  assert.equal(accept?.raw, true);
  accept.onError(Object.assign(new Error('accept ENOBUFS'), { code: 'ENOBUFS' }));
  assert.deepEqual(
    watched.refused.map(({ code, message, peer }) => [code, message, peer]),
    [['accept', 'accept ENOBUFS', undefined]],
  );
  const [client, server] = memoryWirePair({ ...address, port: 50_000 }, address);
  accept.onWire(server);
  assert.deepEqual([watched.wires, gate.statistics().inside], [[server], 1]);
  gate.close();
  assert.equal(listens, false);
  const [other, late] = memoryWirePair({ ...address, port: 50_001 }, address);
  accept.onWire(late); // one that was on its way
  assert.deepEqual([late.destroyed, gate.statistics().accepted], [true, 1]);
  gate.leave(server);
  for (const wire of [client, server, other]) wire.destroy();
});

test('without onRefused, refusals go to the exception handler: one now, the rest when the gate has ended', async () => {
  const contexts: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => contexts.push(context));
  const watched = new Watched({ maxConnections: 1, backlog: 1, onRefused: undefined });
  await watched.during(async (port) => {
    const clients = [await connect(port), await connect(port)];
    await until(() => watched.figures['parked'] === 1);
    for (let i = 1; i <= 3; i++) {
      clients.push(new RawClient(port)); // one by one: the kernel's backlog is as short
      await until(() => watched.figures['backlog'] === i);
    }
    assert.equal(contexts.length, 1);
    assert.match(contexts[0]?.message ?? '', /^Refused a connection from 127\.0\.0\.1:\d+: 1 are served and 1 wait/);
    assert.equal(contexts[0]?.['server'], watched.gate);
    watched.gate.close();
    assert.equal(contexts.length, 1); // somebody is inside still, and behind a balancer may yet be refused
    for (const { socket } of clients) socket.destroy();
    await until(() => watched.gate.statistics().inside === 0 && clients.every(({ closed }) => closed));
    assert.equal(contexts.length, 2);
    assert.match(contexts[1]?.message ?? '', /^Refused 2 more connections within a second, the last one from/);
  });
});
