import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { type Connection, openConnection, setExceptionHandler } from 'maitre';
import { allTasksBlocked } from 'maitre/testing';
import { test } from '../support/test.ts';
import { echo, HOST, withServer } from './sockets.ts';

/** Connects and says whether the server lets it speak. */
async function isServed(port: number): Promise<Connection | undefined> {
  const client = await openConnection({ host: HOST, port });
  try {
    client.writer.write('hi\n');
    if (String(await client.reader.readLine()) === 'hi\n') return client;
  } catch {
    // refused with a reset
  }
  await client.close();
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
