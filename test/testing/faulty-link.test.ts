import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { ConnectionLostError, createTask, loopTime, setExceptionHandler, sleep } from 'maitre';
import {
  allTasksBlocked,
  type ConnectionFaults,
  type Duplex,
  duplexChecks,
  FaultyLink,
  type FaultyLinkOptions,
  memoryStreamPair,
} from 'maitre/testing';
import { fakeTest } from '../support/test.js';

/** The two ends of a memory connection with a link in its middle. */
function linked(options: FaultyLinkOptions = {}): { client: Duplex; server: Duplex; link: FaultyLink } {
  const [client, near] = memoryStreamPair();
  const [far, server] = memoryStreamPair();
  return { client, server, link: new FaultyLink(near, far, options) };
}

const bytes = Buffer.from(Array.from({ length: 20_000 }, (_, at) => (at ^ (at >> 8)) & 255));

/** What arrives of `bytes`, sent and ended by the client; undefined when the stream broke. */
async function received(faults: ConnectionFaults, seed = 1): Promise<{ data: Buffer | undefined; link: FaultyLink }> {
  const { client, server, link } = linked({ faults, seed });
  client.writer.write(bytes);
  client.writer.writeEof();
  let data: Buffer | undefined;
  try {
    data = await server.reader.read();
  } catch (error) {
    assert.ok(error instanceof ConnectionLostError);
  }
  await server.close();
  await client.close();
  await link.waitClosed();
  return { data, link };
}

for (const { name, run } of duplexChecks(() => pairOf(linked()))) {
  fakeTest(`a link without faults: ${name}`, run);
}
for (const { name, run } of duplexChecks(() =>
  pairOf(linked({ seed: 5, faults: { piece: [1000, 90_000], delay: [0, 4] } })),
)) {
  fakeTest(`a link that cuts and delays: ${name}`, run);
}

function pairOf({ client, server }: { client: Duplex; server: Duplex }): [Duplex, Duplex] {
  return [client, server];
}

fakeTest('pieces, delays, rates and stalls lose nothing', async () => {
  const faults: ConnectionFaults = {
    piece: [1, 300],
    delay: [0, 9],
    rate: 5000,
    stallAfter: [1, 5000],
    stallFor: 1000,
  };
  const { data, link } = await received(faults);
  assert.ok(bytes.equals(data as Buffer));
  assert.deepEqual([link.state, link.harmed], ['ended', false]);
  const { up, down } = link;
  assert.deepEqual([up.bytes, up.dropped, down.bytes], [bytes.length, 0, 0]);
  assert.ok(up.pieces > 100 && up.stalls > 3 && up.held > 7000, JSON.stringify({ ...up, from: 0, to: 0, plan: 0 }));
});

fakeTest('bytes are cut into pieces, and joined during a delay', async () => {
  const { client, server, link } = linked({ faults: { piece: 4, delay: 10 } });
  client.writer.write('abcdefghij');
  assert.equal(String(await server.reader.read(100)), 'abcd');
  assert.equal(loopTime() % 10, 0);
  for (const letter of 'XY') {
    client.writer.write(letter);
    await sleep(1);
  }
  assert.equal(String(await server.reader.read(100)), 'efgh');
  assert.equal(String(await server.reader.read(100)), 'ijXY');
  server.writer.write('1');
  await sleep(1);
  server.writer.write('2');
  assert.equal(String(await client.reader.read(100)), '12', 'what came during the delay is joined');
  await client.close();
  await server.close();
  await link.waitClosed();
});

fakeTest('a rate passes on so many bytes a second', async () => {
  const start = loopTime();
  const { data } = await received({ rate: 1000 });
  assert.ok(bytes.equals(data as Buffer));
  assert.equal(loopTime() - start, 20_000);
  const { client, server, link } = linked({ faults: { down: { rate: 1 } } });
  server.writer.write('slow');
  const times: number[] = [];
  for (let count = 0; count < 4; count++) {
    await client.reader.readExactly(1);
    times.push(loopTime() - start - 20_000);
  }
  assert.deepEqual(times, [0, 1000, 2000, 3000]);
  await client.close();
  await server.close();
  await link.waitClosed();
});

fakeTest('what is less than a millisecond is saved up, so that a host without such timers keeps the rate', async () => {
  const start = loopTime();
  const { data, link } = await received({ piece: 1, rate: 100_000, up: { delay: 0.1 } });
  assert.ok(bytes.equals(data as Buffer));
  const took = loopTime() - start;
  assert.ok(Math.abs(took - 2200) < 5, `${took} ms`); // 20,000 bytes at 100 a millisecond, and a tenth for each
  assert.ok(Math.abs(link.up.held - took) < 5, `${link.up.held} ms`);
});

fakeTest('a stall lasts its time, at its byte', async () => {
  const { client, server, link } = linked({ faults: { up: { stallAfter: 5, stallFor: 3_600_000 } } });
  const start = loopTime();
  client.writer.write('12345678');
  assert.equal(String(await server.reader.read(100)), '12345');
  assert.equal(loopTime(), start);
  assert.equal(String(await server.reader.read(100)), '678');
  assert.equal(loopTime() - start, 3_600_000);
  assert.equal(link.up.stalls, 1);
  await client.close();
  await server.close();
  await link.waitClosed();
});

fakeTest(
  'a truncated direction ends half-way, its sender is not held up, and the other direction goes on',
  async () => {
    const { client, server, link } = linked({ faults: { up: { truncateAfter: 7 } } });
    client.writer.write('1234567890');
    assert.equal(String(await server.reader.read()), '1234567');
    for (let at = 0; at < 100; at++) {
      client.writer.write(bytes);
      await client.writer.drain();
    }
    server.writer.write(bytes);
    server.writer.close();
    assert.ok(bytes.equals(await client.reader.read()));
    await client.close();
    await link.waitClosed();
    assert.deepEqual([link.state, link.harmed, link.up.truncated, link.up.bytes], ['ended', true, true, 7]);
    assert.ok(link.up.dropped > 1_900_000, String(link.up.dropped));
  },
);

fakeTest('a truncation in the one direction loses nothing of the other', async () => {
  const { client, server, link } = linked({ faults: { down: { truncateAfter: 0 } } });
  const sender = createTask(async () => {
    for (let at = 0; at < 50; at++) {
      client.writer.write(bytes);
      await client.writer.drain();
    }
    client.writer.writeEof();
  });
  server.writer.write('lost');
  assert.equal((await client.reader.read()).length, 0);
  assert.equal((await server.reader.read()).length, 50 * bytes.length);
  await sender;
  await server.close();
  await client.close();
  await link.waitClosed();
  assert.equal(link.down.dropped, 4);
});

fakeTest('a reset breaks both ends at its byte', async () => {
  const { data, link } = await received({ resetAfter: 1000 });
  assert.equal(data, undefined);
  assert.deepEqual([link.state, link.harmed, link.up.bytes], ['reset', true, 1000]);

  const second = linked({ faults: { down: { resetAfter: 0 } } });
  await assert.rejects(second.client.reader.read(1), ConnectionLostError);
  await assert.rejects(second.server.reader.read(1), ConnectionLostError);
  await second.link.waitClosed();
});

fakeTest('an end that breaks by itself breaks the other, also while bytes are held back or not taken', async () => {
  for (const faults of [{}, { delay: 10_000 }, { stallAfter: 1, stallFor: 10_000 }]) {
    const { client, server, link } = linked({ faults });
    const start = loopTime();
    for (let at = 0; at < 100; at++) client.writer.write(bytes); // more than anybody takes
    await allTasksBlocked();
    client.abort();
    await server.writer.waitClosed();
    await assert.rejects(server.reader.read(), ConnectionLostError);
    await link.waitClosed();
    assert.equal(link.state, 'lost');
    assert.equal(link.harmed, false);
    assert.equal(loopTime(), start);
  }
});

fakeTest(
  'what was on its way when its sender closed arrives, and what comes back in vain holds up nobody',
  async () => {
    const { client, server, link } = linked({ faults: { up: { piece: 1000, delay: 50 } } });
    client.writer.write(bytes);
    await client.close();
    // Nobody is there any more to take this: more of it than fits anywhere, and never the end.
    const speaker = createTask(async () => {
      for (;;) {
        server.writer.write(bytes);
        await server.writer.drain();
        await sleep(1); // or the clock would stand still
      }
    });
    assert.ok(bytes.equals(await server.reader.read()));
    await assert.rejects(async () => speaker, ConnectionLostError);
    await link.waitClosed();
    assert.equal(link.state, 'ended');
  },
);

fakeTest('stall() holds up both directions until it is disposed, all stalls of them', async () => {
  const { client, server, link } = linked();
  const first = link.stall();
  const second = link.stall();
  client.writer.write('up');
  server.writer.write('down');
  await sleep(3_600_000);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await sleep(3_600_000);
  assert.deepEqual([link.up.bytes, link.down.bytes], [0, 0]);
  second[Symbol.dispose]();
  assert.equal(String(await server.reader.read(10)), 'up');
  assert.equal(String(await client.reader.read(10)), 'down');
  await client.close();
  await server.close();
  await link.waitClosed();
});

fakeTest('reset() and disposal break both ends at once, whatever the link waits for', async () => {
  for (const faults of [{}, { delay: 10_000 }, { stallAfter: 1, stallFor: 10_000 }]) {
    const { client, server, link } = linked({ faults });
    for (let at = 0; at < 100; at++) client.writer.write(bytes);
    await allTasksBlocked();
    using _ = link.stall();
    const start = loopTime();
    await link[Symbol.asyncDispose]();
    assert.equal(loopTime(), start);
    assert.deepEqual([link.state, link.harmed], ['reset', true]);
    await assert.rejects(client.writer.drain(), ConnectionLostError);
    await assert.rejects(server.reader.read(), ConnectionLostError);
    link.reset();
    assert.match(String(link), /^<FaultyLink reset, \d+ bytes up, 0 down, seed \d+>$/);
  }
});

fakeTest('a link that is closing is ended by reset(), though one end takes nothing', async () => {
  const { client, server, link } = linked();
  server.writer.write(Buffer.alloc(1_000_000));
  server.writer.close();
  client.writer.writeEof();
  await sleep(1000);
  assert.equal(link.state, 'open');
  link.reset();
  await link.waitClosed();
  await client.writer.waitClosed();
});

fakeTest('a seed repeats what is done to a connection', async () => {
  const faults: ConnectionFaults = {
    piece: [1, 3000],
    delay: [0, 50],
    stallAfter: [100, 9000],
    up: { truncateAfter: [5000, 19_000] },
  };
  const runs: unknown[] = [];
  for (const seed of [3, 3, 4]) {
    const { data, link } = await received(faults, seed);
    const { bytes: passed, pieces, held, stalls } = link.up;
    runs.push({ passed, pieces, held, stalls, data: data?.toString('latin1') });
  }
  assert.deepEqual(runs[0], runs[1]);
  assert.notDeepEqual(runs[0], runs[2]);
});

fakeTest('faults that are wrong are refused; a draw that makes no number breaks the link and is reported', async () => {
  const [near] = memoryStreamPair();
  const [far] = memoryStreamPair();
  assert.throws(() => new FaultyLink(near, far, { faults: { piece: -1 } }), RangeError);
  assert.throws(() => new FaultyLink(near, far, { seed: '1' as never }), TypeError);
  assert.throws(() => new FaultyLink(near, far, { fault: {} } as object), /unknown option "fault"/);
  const reported: unknown[] = [];
  using _ = setExceptionHandler(({ error }) => reported.push(error));
  const { client, link } = linked({ faults: { delay: () => NaN } });
  client.writer.write('x');
  await link.waitClosed();
  assert.equal(link.state, 'reset');
  await allTasksBlocked();
  assert.match(String(reported), /Cannot sleep: .*NaN/);
});
