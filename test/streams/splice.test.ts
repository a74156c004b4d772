import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { CancelledError, ConnectionLostError, createTask, splice } from 'maitre';
import { type Duplex, memoryStreamPair } from 'maitre/testing';
import { nextTurn, test } from '../support/test.js';

interface Joined {
  readonly client: Duplex;
  readonly a: Duplex;
  readonly b: Duplex;
  readonly upstream: Duplex;
}

function makeJoined(): Joined {
  const [client, a] = memoryStreamPair();
  const [b, upstream] = memoryStreamPair();
  return { client, a, b, upstream };
}

async function abortAll({ client, a, b, upstream }: Joined): Promise<void> {
  for (const end of [client, a, b, upstream]) end.abort();
  for (const end of [client, a, b, upstream]) await end.writer.waitClosed();
}

test('splice passes both directions on, with their ends, and counts them', async () => {
  const joined = makeJoined();
  const { client, a, b, upstream } = joined;
  const splicing = createTask(() => splice(a, b));
  client.writer.write('request');
  client.writer.writeEof();
  assert.equal(String(await upstream.reader.read()), 'request');
  const answer = createTask(() => client.reader.read());
  upstream.writer.write(Buffer.alloc(300_000));
  upstream.writer.writeEof();
  assert.equal((await answer).length, 300_000);
  assert.deepEqual(await splicing, { forth: 7, back: 300_000 });
  await abortAll(joined);
});

test('splice closes a connection that cannot be half closed, when the other one has ended', async () => {
  const joined = makeJoined();
  const { client, a, b, upstream } = joined;
  a.writer.canWriteEof = () => false;
  const splicing = createTask(() => splice(a, b));
  upstream.writer.write('bye');
  await upstream.close();
  assert.equal(String(await client.reader.read()), 'bye');
  await client.close();
  assert.deepEqual(await splicing, { forth: 0, back: 3 });
  await abortAll(joined);
});

test('splice aborts both connections when one direction fails, and rejects with its error', async () => {
  const joined = makeJoined();
  const { client, a, b, upstream } = joined;
  const splicing = createTask(() => splice(a, b));
  await nextTurn();
  upstream.abort();
  await assert.rejects(async () => await splicing, ConnectionLostError);
  await assert.rejects(client.reader.read(), ConnectionLostError);
  await abortAll(joined);
});

test('splice that is cancelled leaves both connections as they are, and loses nothing', async () => {
  const joined = makeJoined();
  const { client, a, b, upstream } = joined;
  const splicing = createTask(() => splice(a, b));
  client.writer.write('one ');
  assert.equal(String(await upstream.reader.readExactly(4)), 'one ');
  splicing.cancel();
  await assert.rejects(async () => await splicing, CancelledError);
  client.writer.write('two');
  await client.close();
  const again = createTask(() => splice(a, b));
  assert.equal(String(await upstream.reader.read()), 'two');
  await upstream.close();
  assert.deepEqual(await again, { forth: 3, back: 0 });
  await abortAll(joined);
});
