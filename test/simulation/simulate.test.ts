// The real network is the subject: sockets on loopback, and the host's own time.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import {
  type Connection,
  ConnectionLostError,
  type Handler,
  openConnection,
  Queue,
  type Server,
  startServer,
} from 'maitre';
import {
  type ConnectionFaults,
  type Duplex,
  duplexChecks,
  simulate,
  type SimulatedConnection,
  type SimulateOptions,
  type Simulation,
} from 'maitre/testing';
import { HOST, isBun, portOf, temporaryFolder, until } from '../net/sockets.js';
import { test } from '../support/test.js';

/** A server that sends everything back, and fails when it loses a client in any other way than by its loss. */
function startEcho(): Promise<Server> {
  const echo: Handler = async (reader, writer) => {
    for (let data = await reader.read(65_536); data.length > 0; data = await reader.read(65_536)) {
      writer.write(data);
      await writer.drain();
    }
  };
  return startServer(echo, { host: HOST, onError: (error) => assert.ok(error instanceof ConnectionLostError) });
}

function connectTo(proxy: Simulation): Promise<Connection> {
  return openConnection({ host: proxy.address, port: proxy.port });
}

/** What the proxy did to a client of this test. */
function linkOf(proxy: Simulation, { local }: Connection): SimulatedConnection {
  const link = proxy.connections.find(
    ({ client }) => 'port' in client && 'port' in local && client.port === local.port,
  );
  assert.ok(link !== undefined);
  return link;
}

/** Sends bytes, ends, and gives what comes back. */
async function echoed(connection: Connection, bytes: Buffer): Promise<Buffer> {
  connection.writer.write(bytes);
  connection.writer.writeEof();
  const data = await connection.reader.read();
  await connection.close();
  return data;
}

const bytes = Buffer.from(Array.from({ length: 50_000 }, (_, at) => (at ^ (at >> 8)) & 255));

for (const [kind, faults] of Object.entries<ConnectionFaults>({
  'a proxy without faults': {},
  'a proxy that cuts and delays': { piece: [10_000, 300_000], delay: [0, 1] },
})) {
  let makePair: () => Promise<[Duplex, Duplex]>;
  for (const { name, run } of duplexChecks(() => makePair())) {
    const skip =
      isBun && /drain waits|bufferedBytes falls|is not flooded/.test(name) && 'Bun moves bytes in bursts, late';
    const body = async (): Promise<void> => {
      const accepted = new Queue<Connection>();
      const keep: Handler = (_reader, _writer, connection) => {
        connection.detach();
        accepted.putNowait(connection);
      };
      await using server = await startServer(keep, { host: HOST });
      // Some checks abort an accepted connection before the proxy has seen that it is connected.
      const onError = (error: unknown): void => assert.match(String(error), /ECONNRESET/);
      await using proxy = await simulate({ target: { port: portOf(server) }, seed: 1, faults, onError });
      makePair = async () => [await connectTo(proxy), await accepted.get()];
      await run();
    };
    test(`${kind}: ${name}`, body, { skip });
  }
}

test('each connection gets the faults chosen for it, and says what happened to it', async () => {
  await using server = await startEcho();
  const kinds: ConnectionFaults[] = [
    { piece: 100, stallAfter: 20_000, stallFor: 20 },
    { up: { truncateAfter: 1000 } },
    { down: { resetAfter: 1000 } },
  ];
  await using proxy = await simulate({ target: { port: portOf(server) }, faults: (n) => kinds[n] ?? {} });
  const clients = [await connectTo(proxy)];
  clients.push(await connectTo(proxy), await connectTo(proxy), await connectTo(proxy));
  const [cut, truncated, reset, untouched] = await Promise.allSettled(clients.map((client) => echoed(client, bytes)));

  for (const whole of [cut, untouched]) assert.ok(whole?.status === 'fulfilled' && bytes.equals(whole.value));
  assert.ok(truncated?.status === 'fulfilled' && bytes.subarray(0, 1000).equals(truncated.value));
  assert.ok(reset?.status === 'rejected' && reset.reason instanceof ConnectionLostError);
  const links = clients.map((client) => linkOf(proxy, client));
  for (const link of links) await link.waitClosed();
  assert.deepEqual(
    links.map(({ n, state, harmed }) => [n, state, harmed]),
    [
      [0, 'ended', false],
      [1, 'ended', true],
      [2, 'reset', true],
      [3, 'ended', false],
    ],
  );
  assert.ok((links[0]?.up.pieces ?? 0) >= 500 && links[0]?.up.stalls === 2 && links[0].down.stalls === 2);
  assert.deepEqual([links[1]?.up.truncated, links[1]?.up.bytes, links[1]?.up.dropped], [true, 1000, 49_000]);
  assert.equal(links[2]?.down.bytes, 1000);
});

test('the seed repeats the faults of each connection, one by one', async () => {
  await using server = await startEcho();
  const drawn: unknown[][] = [];
  for (const seed of [1, 1, 2]) {
    await using proxy = await simulate({ target: { port: portOf(server) }, seed });
    const clients = [await connectTo(proxy), await connectTo(proxy), await connectTo(proxy)];
    for (const client of clients) {
      client.abort();
      await client.writer.waitClosed();
    }
    await until(() => proxy.connections.length === 3);
    drawn.push(proxy.connections.map(({ faults, seed: own }) => ({ faults, own })).toSorted((a, b) => a.own - b.own));
    assert.equal(proxy.seed, seed);
  }
  assert.deepEqual(drawn[0], drawn[1]);
  assert.notDeepEqual(drawn[0], drawn[2]);
});

test('a client of a target that cannot be reached is reset, and the error told', async () => {
  const gone = await startEcho();
  const port = portOf(gone);
  await gone.shutdown();
  const errors: unknown[] = [];
  await using proxy = await simulate({ target: { port }, onError: (error) => errors.push(error) });
  const client = await connectTo(proxy);
  await assert.rejects(client.reader.read(), ConnectionLostError);
  assert.match(String(errors), /ECONNREFUSED/);
  assert.deepEqual(proxy.connections, []);
  await client.writer.waitClosed();
});

test('the target may be a Unix socket', async () => {
  using folder = temporaryFolder();
  const path = folder.at('echo');
  await using _server = await startServer(async (reader, writer) => writer.write(await reader.read()), { path });
  await using proxy = await simulate({ target: { path }, seed: 1, faults: { piece: 1000 } });
  assert.ok(bytes.equals(await echoed(await connectTo(proxy), bytes)));
});

test('stall() and reset() of one connection touch no other', async () => {
  await using server = await startEcho();
  await using proxy = await simulate({ target: { port: portOf(server) }, faults: {} });
  const stalled = await connectTo(proxy);
  const other = await connectTo(proxy);
  for (const client of [stalled, other]) {
    client.writer.write('hello');
    assert.equal(String(await client.reader.readExactly(5)), 'hello');
  }
  const link = linkOf(proxy, stalled);
  {
    using _ = link.stall();
    stalled.writer.write('later');
    for (let count = 0; count < 50; count++) {
      other.writer.write('now');
      await other.reader.readExactly(3);
    }
    assert.equal(stalled.bytesRead, 5);
  }
  assert.equal(String(await stalled.reader.readExactly(5)), 'later');
  link.reset();
  await assert.rejects(stalled.reader.read(), ConnectionLostError);
  assert.ok(bytes.equals(await echoed(other, bytes)));
});

test('shutdown resets what is connected, at once or after its grace, and leaves nothing', async () => {
  await using server = await startEcho();
  const options: SimulateOptions = { target: { port: portOf(server) }, faults: { stallAfter: 5, stallFor: 600_000 } };
  for (const grace of [undefined, 100]) {
    const proxy = await simulate(options);
    const client = await connectTo(proxy);
    client.writer.write('123456');
    assert.equal(String(await client.reader.readExactly(5)), '12345');
    const start = performance.now();
    const report = await (grace === undefined ? proxy.shutdown() : proxy.shutdown({ grace }));
    const took = performance.now() - start;
    assert.ok(took >= (grace ?? 0) - 2 && took < 1000, `${took} ms`);
    assert.deepEqual(report, { finished: 0, cancelled: 1, aborted: 0 });
    await assert.rejects(client.reader.read(), ConnectionLostError);
    assert.equal(proxy.connections[0]?.state, 'reset');
    await assert.rejects(connectTo(proxy), /ECONNREFUSED/);
    assert.match(String(proxy), /^<Simulation on 127\.0\.0\.1:\d+, 0 connections, seed \d+>$/);
  }
});

test('shutdown with a grace lets what is on its way arrive', async () => {
  await using server = await startEcho();
  const proxy = await simulate({ target: { port: portOf(server) }, faults: { stallAfter: 30_000, stallFor: 50 } });
  const client = await connectTo(proxy);
  const back = echoed(client, bytes);
  await until(() => proxy.connections.length === 1);
  assert.deepEqual(await proxy.shutdown({ grace: 5000 }), { finished: 1, cancelled: 0, aborted: 0 });
  assert.ok(bytes.equals(await back));
});

test('options that are wrong are refused before anything listens', async () => {
  const refused: [unknown, RegExp][] = [
    [undefined, /Cannot simulate: options must be an object, got undefined/],
    [{}, /Cannot simulate: target must have a port or a path, got none/],
    [{ target: {} }, /^TypeError: Cannot simulate: target must be an object with port or path/],
    [{ target: { prot: 1 } }, /^TypeError: Cannot simulate: unknown option "target.prot"/],
    [{ target: { port: 70_000 } }, /^RangeError: Cannot simulate: target.port must be an integer from 0 to 65535/],
    [{ target: { port: 1 }, onError: 1 }, /^TypeError: Cannot simulate: onError must be a function/],
    [{ target: { port: 1 }, seed: NaN }, /^RangeError: Cannot simulate: seed/],
    [{ target: { port: 1 }, sed: 1 }, /Cannot simulate: unknown option "sed"/],
    [{ target: { port: 1 }, seed: 'x' }, /Cannot simulate: seed must be a finite number, got "x"/],
    [{ target: { port: 1 }, faults: { delay: -1 } }, /Cannot plan faults: delay must be/],
    [{ target: { port: 1 }, port: 70_000 }, /Cannot start server: port must be/],
  ];
  for (const [options, message] of refused) await assert.rejects(simulate(options as SimulateOptions), message);
});
