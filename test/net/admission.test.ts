import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { BlockList } from 'node:net';
import {
  type Connection,
  type Handler,
  openConnection,
  type Refusal,
  type ServerOptions,
  setExceptionHandler,
} from 'maitre';
import { allTasksBlocked } from 'maitre/testing';
import { type Addresses, toAddress } from '#src/net/address.js';
import { Admission } from '#src/net/admission.js';
import { test } from '../support/test.ts';
import { first } from './fixtures/certificates.ts';
import { missing } from './programs.ts';
import { echo, HOST, isNode, pause, RawClient, resetBeforeAccept, until, withServer } from './sockets.ts';

/** Connects and says whether the server lets it speak, after `begin`. */
async function isServed(port: number, begin = ''): Promise<Connection | undefined> {
  let client: Connection | undefined;
  try {
    client = await openConnection({ host: HOST, port });
    client.writer.write(`${begin}hi\n`);
    if (String(await client.reader.readLine()) === 'hi\n') return client;
  } catch {
    // Refused with a reset, perhaps before the client heard that it was connected.
  }
  await client?.close();
  return undefined;
}

test('maxPerIp refuses more of one address, reports it, and lets the next in when one has left', async () => {
  const reports: string[] = [];
  using _ = setExceptionHandler(({ error }) => void reports.push(String(error)));
  await withServer(echo, { maxPerIp: 2 }, async (server, port) => {
    const first = await isServed(port);
    const second = await isServed(port);
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(await isServed(port), undefined);
    assert.match(reports.join(), /127\.0\.0\.1 has 2 connections open, maxPerIp is 2/);
    await first.close();
    while (server.connections.size > 1) await allTasksBlocked();
    const third = await isServed(port);
    assert.ok(third !== undefined);
    await third.close();
    await second.close();
  });
});

test('what is refused is reset, though it sent nothing; clients that wait for a place count for maxPerIp', async () => {
  using _ = setExceptionHandler(() => undefined);
  await withServer(echo, { maxPerIp: 2, maxConnections: 1 }, async (_server, port) => {
    const clients: RawClient[] = [];
    for (let i = 0; i < 3; i++) {
      clients.push(new RawClient(port));
      await pause(5);
    }
    await until(() => clients[2]?.closed === true);
    assert.equal(clients[2]?.error?.code, 'ECONNRESET');
    assert.equal(clients[1]?.closed, false);
    for (const { socket } of clients) socket.destroy();
    await until(() => clients.every(({ closed }) => closed));
  });
});

/** The same of a client that a balancer names. */
function isServedAs(address: string, port: number): Promise<Connection | undefined> {
  return isServed(port, `PROXY TCP4 ${address} 192.0.2.9 56324 443\r\n`);
}

test('behind a balancer maxPerIp counts the clients it names, not its own address', async () => {
  const reports: string[] = [];
  using _ = setExceptionHandler(({ error }) => void reports.push(String(error)));
  await withServer(echo, { maxPerIp: 1, proxyProtocol: true }, async (server, port) => {
    const one = await isServedAs('192.0.2.1', port);
    const two = await isServedAs('192.0.2.2', port);
    assert.ok(one !== undefined && two !== undefined);
    assert.equal(await isServedAs('192.0.2.1', port), undefined);
    assert.match(reports.join(), /192\.0\.2\.1 has 1 connections open, maxPerIp is 1/);
    await one.close();
    await until(() => server.connections.size === 1);
    const again = await isServedAs('192.0.2.1', port);
    assert.ok(again !== undefined);
    await again.close();
    await two.close();
  });
});

test('behind a balancer allow is about who connects, block about that and whom it names', async () => {
  using _ = setExceptionHandler(() => undefined);
  const balancer = new BlockList();
  balancer.addAddress(HOST);
  const blocked = new BlockList();
  blocked.addAddress('192.0.2.66');
  await withServer(echo, { proxyProtocol: true, allow: balancer, block: blocked }, async (_server, port) => {
    assert.equal(await isServedAs('192.0.2.66', port), undefined);
    const client = await isServedAs('192.0.2.1', port);
    assert.ok(client !== undefined);
    await client.close();
  });
  await withServer(echo, { proxyProtocol: true, block: balancer }, async (_server, port) => {
    assert.equal(await isServedAs('192.0.2.1', port), undefined);
  });
});

test('block refuses addresses, allow refuses all others', async () => {
  using _ = setExceptionHandler(() => undefined);
  const here = new BlockList();
  here.addAddress(HOST);
  const elsewhere = new BlockList();
  elsewhere.addSubnet('10.0.0.0', 8);
  await withServer(echo, { block: here }, async (_server, port) => assert.equal(await isServed(port), undefined));
  await withServer(echo, { allow: elsewhere }, async (_server, port) => assert.equal(await isServed(port), undefined));
  await withServer(echo, { allow: here, block: elsewhere }, async (_server, port) => {
    const client = await isServed(port);
    assert.ok(client !== undefined);
    await client.close();
  });
});

const rules: Record<string, ServerOptions> = {
  block: { block: listOf(HOST) },
  allow: { allow: new BlockList() },
  maxPerIp: { maxPerIp: 1 },
  'allow behind a balancer': { allow: new BlockList(), proxyProtocol: true },
  'block over TLS': { block: listOf(HOST), tls: first },
  'no rule': {},
};

function listOf(...addresses: string[]): BlockList {
  const list = new BlockList();
  for (const address of addresses) list.addAddress(address);
  return list;
}

for (const [name, options] of Object.entries(rules)) {
  test(
    `a client that resets before it is accepted gets no handler: ${name}`,
    async () => {
      const refused: Refusal[] = [];
      const handled: { readonly peer: string; readonly line: string }[] = [];
      const handler: Handler = async (reader, _writer, { peer }) => {
        const line = String(await reader.readLine().catch(() => ''));
        handled.push({ peer: 'address' in peer ? peer.address : '', line });
      };
      const onRefused = (refusal: Refusal): void => void refused.push(refusal);
      await withServer(handler, { ...options, onRefused }, async (server, port) => {
        resetBeforeAccept(port, 5, 'PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\nDROP TABLE\n');
        // A connection that is accepted after them comes later: when it is gone, they are.
        const last = new RawClient(port);
        await until(() => !last.socket.connecting);
        await pause(10);
        last.socket.destroy();
        await until(() => server.statistics().accepted === 6 && last.closed);
        await pause(10); // for a handler that should not begin
        await until(() => server.connections.size === 0 && server.statistics().handshakes === 0);
        assert.equal(server.statistics().refused.noAddress, refused.filter(({ code }) => code === 'noAddress').length);
      });
      assert.deepEqual(
        handled.filter(({ peer, line }) => peer !== HOST || line !== ''),
        [],
      );
      // Elsewhere the system may still know the address: then the rule itself refused it.
      if (process.platform !== 'linux' || !isNode) return;
      const gone = refused.filter(({ code }) => code === 'noAddress');
      assert.equal(gone.length, 5);
      assert.match(gone[0]?.message ?? '', /the client reset the connection before its address could be read/);
    },
    { skip: missing('python3') },
  );
}

test(
  'a client that resets before it is accepted is reported where a rule refused it, and is no news otherwise',
  async () => {
    for (const [options, count] of [
      [{}, 0],
      [{ allow: listOf(HOST) }, 1], // one now, the others in the summary
      [{ allow: listOf(HOST), proxyProtocol: true }, 0],
    ] as const) {
      const reports: string[] = [];
      using _ = setExceptionHandler(({ message }) => void reports.push(message));
      await withServer(echo, options, async (server, port) => {
        resetBeforeAccept(port, 3, 'x');
        await until(() => server.statistics().accepted === 3);
        if (process.platform === 'linux' && isNode) assert.equal(reports.length, count, reports.join());
      });
    }
  },
  { skip: missing('python3') },
);

/** A client of whom nothing is known but its address. */
function from(address: string): { readonly addresses: Addresses; whenClosed(fn: () => void): void; close(): void } {
  const end = toAddress(address, 1);
  const closed = new EventEmitter();
  return {
    addresses: { peer: end, local: end },
    whenClosed: (fn) => void closed.once('close', fn),
    close: () => void closed.emit('close'),
  };
}

test('maxPerIp counts a /64 of IPv6 as one address, or as many bits as maxPerIpPrefix says', () => {
  const usual = new Admission({ maxPerIp: 1 });
  const one = from('2001:db8:0:1::1');
  assert.equal(usual.refuse(one), undefined);
  const refusal = usual.refuse(from('2001:db8:0:1:ffff::2'));
  assert.equal(refusal?.code, 'maxPerIp');
  assert.equal(refusal.message, '2001:db8:0:1::/64 has 1 connections open, maxPerIp is 1');
  assert.equal(usual.refuse(from('2001:db8:0:2::1')), undefined);
  assert.equal(usual.refuse(from('::ffff:192.0.2.1')), undefined);
  assert.equal(usual.refuse(from('::ffff:192.0.2.2')), undefined); // IPv4 in IPv6's clothes is no /64
  one.close();
  assert.equal(usual.refuse(from('2001:db8:0:1:ffff::2')), undefined);

  const whole = new Admission({ maxPerIp: 1, maxPerIpPrefix: 128 });
  assert.equal(whole.refuse(from('2001:db8::1')), undefined);
  assert.equal(whole.refuse(from('2001:db8::2')), undefined);
  assert.equal(whole.refuse(from('2001:db8::2'))?.code, 'maxPerIp');

  const named = new Admission({ maxPerIp: 1, maxPerIpPrefix: 48, proxyProtocol: true });
  const connection = {};
  assert.equal(named.refuseNamed({ address: '2001:db8:0:1::1', port: 1, family: 'IPv6' }, connection), undefined);
  assert.equal(named.refuseNamed({ address: '2001:db8:0:2::1', port: 1, family: 'IPv6' }, {})?.code, 'maxPerIp');
  named.gone(connection);
  assert.equal(named.refuseNamed({ address: '2001:db8:0:2::1', port: 1, family: 'IPv6' }, {}), undefined);
});

test('a list whose check throws lets nobody in, and does not reach the loop', async () => {
  const refused: Refusal[] = [];
  const failure = new Error('no database');
  const broken = {
    check: () => {
      throw failure;
    },
  } as unknown as BlockList;
  const options = { block: broken, onRefused: (refusal: Refusal) => void refused.push(refusal) };
  await withServer(echo, options, async (_server, port) => assert.equal(await isServed(port), undefined));
  assert.equal(refused.length, 1);
  assert.equal(refused[0]?.error, failure);
  assert.match(refused[0].message, /block cannot be asked for 127\.0\.0\.1: its check threw/);
});
