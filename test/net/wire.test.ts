// What every wire promises, whatever is under it: one suite for handles, for public events, for TLS, and for the simulation's.
import assert from 'node:assert/strict';
import { connect as connectTo, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { InvalidStateError } from 'maitre';
import { addressesOf } from '#src/net/address.js';
import { listen } from '#src/net/listener.js';
import { NetWire } from '#src/net/net-wire.js';
import { hasRawIo } from '#src/net/raw/try-out.js';
import { RawWire } from '#src/net/raw/wire.js';
import { TlsAcceptor } from '#src/net/secure.js';
import type { Wire, WireListener } from '#src/net/wire.js';
import { memoryWirePair } from '#src/simulation/memory-wire.js';
import { nextTurn, test } from '../support/test.js';
import { first } from './fixtures/certificates.js';
import { HOST, isNode, until } from './sockets.js';

/** Two ends of one connection, parked: who connected, and who accepted. */
type Pair = readonly [client: Wire, server: Wire];

/** Connects over a port of this machine; `toClient` makes the wire of who connected. */
async function overSockets(raw: boolean, toClient: (socket: Socket) => Wire): Promise<Pair> {
  const came: Wire[] = [];
  const onError = (error: Error): never => assert.fail(error);
  const [listener] = await listen({ host: HOST }, { onWire: (wire) => void came.push(wire), onError, raw });
  assert.ok(listener !== undefined && 'port' in listener.address);
  const socket = connectTo({ host: HOST, port: listener.address.port, allowHalfOpen: true }).pause();
  await until(() => came.length === 1 && !socket.connecting);
  listener.close();
  const [server] = came;
  assert.ok(server !== undefined);
  return [toClient(socket), server];
}

const toNetWire = (socket: Socket): Wire => new NetWire(socket, addressesOf(socket, undefined));

async function overTls(): Promise<Pair> {
  const [client, server] = await overSockets(false, toNetWire);
  const acceptor = new TlsAcceptor(first, 5000);
  const accepted = acceptor.handshake(server.release());
  const socket = connectTls({ socket: client.release(), rejectUnauthorized: false });
  let connected = false;
  socket.once('secureConnect', () => {
    socket.pause();
    connected = true;
  });
  const secured = await accepted;
  await until(() => connected);
  return [new NetWire(socket, client.addresses), new NetWire(secured, server.addresses)];
}

function inMemory(): Pair {
  const end = (port: number) => ({ address: '10.0.0.1', port, family: 'IPv4' }) as const;
  return memoryWirePair(end(50_000), end(80));
}

const kinds: Record<string, { readonly pair: () => Pair | Promise<Pair>; readonly skip?: string | false }> = {
  handles: {
    pair: async () => {
      assert.ok(await hasRawIo());
      return overSockets(true, (socket) => RawWire.from(socket, addressesOf(socket, undefined)));
    },
    skip: !isNode && 'handles as Node has them',
  },
  'public events': { pair: () => overSockets(false, toNetWire) },
  TLS: { pair: overTls },
  memory: { pair: inMemory },
};

/** Notes what it is told. */
class Notes implements WireListener {
  text = '';
  dropped = 0;
  ended = false;
  /** Every call of onClose. */
  readonly closes: (NodeJS.ErrnoException | undefined)[] = [];
  /** Called for what comes. */
  readonly #onData: () => void;

  constructor(onData: () => void = () => undefined) {
    this.#onData = onData;
  }

  onData(chunk: Buffer): void {
    this.text += chunk.toString();
    this.#onData();
  }

  onDropped(count: number): void {
    this.dropped += count;
  }

  onWritten(): void {}

  onEnd(): void {
    this.ended = true;
  }

  onClose(error: Error | undefined): void {
    this.closes.push(error);
  }
}

/** Destroys both and waits until all of them is gone. */
async function endAll(...wires: readonly Wire[]): Promise<void> {
  let left = 0;
  for (const wire of wires) {
    if (wire.destroyed) continue;
    left++;
    wire.whenClosed(() => left--);
    wire.destroy();
  }
  await until(() => left === 0, 'the wires to close');
  for (let i = 0; i < 3; i++) await nextTurn();
}

for (const [name, { pair, skip = false }] of Object.entries(kinds)) {
  test(
    `${name}: a wire knows its two ends, also when it is closed`,
    async () => {
      const [client, server] = await pair();
      const { local, peer } = client.addresses;
      await endAll(client, server);
      assert.deepEqual(client.addresses, { local, peer });
      assert.deepEqual(server.addresses, { local: peer, peer: local });
      assert.ok('port' in local && 'port' in peer && local.port !== peer.port);
    },
    { skip },
  );

  test(
    `${name}: a wire reads nothing before listen, and what came meanwhile after it`,
    async () => {
      const [client, server] = await pair();
      const [atClient, atServer] = [new Notes(), new Notes()];
      client.listen(atClient);
      client.write(['early'], 5);
      for (let i = 0; i < 5; i++) await nextTurn();
      assert.equal(server.destroyed, false);
      server.listen(atServer);
      await until(() => atServer.text === 'early');
      server.close();
      await until(() => atClient.ended || atClient.closes.length > 0);
      await endAll(client, server);
      assert.deepEqual([atClient.closes.length, atServer.closes.length], [1, 1]);
    },
    { skip },
  );

  test(
    `${name}: whenClosed calls every function once, with and without a listener`,
    async () => {
      const [client, server] = await pair();
      const called: string[] = [];
      client.listen(new Notes());
      for (const [end, wire] of Object.entries({ client, server })) {
        for (const i of [1, 2]) wire.whenClosed(() => void called.push(`${end} ${i}`));
      }
      assert.deepEqual([client.destroyed, server.destroyed], [false, false]);
      client.destroy();
      server.destroy();
      assert.deepEqual([client.destroyed, server.destroyed], [true, true]);
      await until(() => called.length >= 4);
      for (let i = 0; i < 3; i++) await nextTurn();
      assert.deepEqual(called.toSorted(), ['client 1', 'client 2', 'server 1', 'server 2']);
    },
    { skip },
  );

  test(
    `${name}: who listens to a wire that is closed already is told so, in a later turn`,
    async () => {
      const [client, server] = await pair();
      const failure = new Error('ours');
      let closed = false;
      server.whenClosed(() => (closed = true));
      server.destroy(failure);
      await until(() => closed);
      for (let i = 0; i < 3; i++) await nextTurn();
      const notes = new Notes();
      server.listen(notes);
      assert.deepEqual(notes.closes, []);
      await until(() => notes.closes.length > 0);
      assert.deepEqual(notes.closes, [failure]);
      await endAll(client);
    },
    { skip },
  );

  test(
    `${name}: a reset is an error for who listens, and to be seen where nobody does`,
    async () => {
      const [client, server] = await pair();
      const notes = new Notes();
      client.listen(notes);
      assert.equal(client.hasReset, false);
      server.reset();
      await until(() => notes.closes.length > 0 || notes.ended);
      if (name === 'TLS') assert.ok(notes.ended || notes.closes.length === 1); // the missing close_notify says it
      else assert.equal(notes.closes[0]?.code, 'ECONNRESET');
      await endAll(client, server);

      if (name === 'TLS' || !isNode) return; // the system is asked through a handle as Node has it
      const [other, parked] = await pair();
      assert.equal(parked.hasReset, false);
      other.reset();
      await until(() => parked.hasReset);
      assert.equal(parked.destroyed, false);
      await endAll(other, parked);
    },
    { skip },
  );

  test(
    `${name}: after discard a wire counts what comes, hands nothing over, and still tells the end`,
    async () => {
      const [client, server] = await pair();
      const [atClient, atServer] = [new Notes(), new Notes()];
      client.listen(atClient);
      server.listen(atServer);
      client.write(['kept'], 4);
      await until(() => atServer.text === 'kept');
      server.pause();
      server.discard();
      client.write(['dropped'], 7);
      for (let i = 0; i < 5; i++) await nextTurn();
      assert.equal(atServer.dropped, 0); // it does not resume by itself
      server.resume();
      await until(() => atServer.dropped === 7);
      client.write([Buffer.alloc(200_000)], 200_000);
      await until(() => atServer.dropped === 200_007);
      client.end();
      await until(() => atServer.ended || atServer.closes.length > 0);
      assert.equal(atServer.text, 'kept');
      await endAll(client, server);
    },
    { skip },
  );

  test(
    `${name}: a listener that throws ends its own wire, and nothing else`,
    async () => {
      const [client, server] = await pair();
      const failure = new Error('of the listener');
      const notes = new Notes(() => {
        throw failure;
      });
      server.listen(notes);
      client.listen(new Notes());
      client.write(['x'], 1);
      await until(() => notes.closes.length > 0);
      assert.deepEqual(notes.closes, [failure]);
      await endAll(client, server);
    },
    { skip },
  );

  test(
    `${name}: release gives the socket away, silent, and it counts as open until that is closed`,
    async () => {
      const [client, server] = await pair();
      if (name === 'memory') {
        assert.throws(() => server.release(), InvalidStateError);
        await endAll(client, server);
        return;
      }
      let closed = 0;
      for (let i = 0; i < 2; i++) server.whenClosed(() => closed++);
      client.listen(new Notes());
      client.write(['hello'], 5);
      const socket = server.release();
      socket.on('error', () => undefined);
      for (let i = 0; i < 3; i++) await nextTurn();
      assert.equal(closed, 0);
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString())).resume();
      await until(() => text === 'hello');
      socket.destroy();
      await until(() => closed === 2);
      await endAll(client);
    },
    { skip },
  );
}
