// maitre/testing in browsers: bundled without anything of Node, and run where there is no socket. A server in memory is the
// server of startServer there too, with its limits, its reports and its end. What it costs to load is held.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { noBrowser } from '../support/browser.js';
import { bundle, gzippedSize, roomsOf, runAsInBrowser, runInBrowser } from './bundle.js';

/** gzip -9 of the minified bundle, bytes. Measured; it may fall, and rises only on purpose. */
const wholeDoorLimit = 46_060;
const serverLimit = 29_530;

const wholeDoor = "export * from 'maitre/testing';";
const server = "export { serveInMemory } from 'maitre/testing';";

/** Every line is a claim; a failed one throws. Handlers pass the signal of their task on, as browsers need it. */
const program = `
  import { CancelledError, ConnectionLostError, createTask, gather, loopTime, run, setExceptionHandler, sleep, TimeoutError } from 'maitre/core';
  import {
    allTasksBlocked, checkDuplex, drawFaults, exploreCancellation, FakeClock, FaultyLink, formatAddress, isConnectionLost,
    memoryStreamPair, runWithFakeClock, seededRandom, Sequencer, serveInMemory, withLeakCheck,
  } from 'maitre/testing';

  const seen = [];
  const claim = (name, truth) => {
    if (!truth) throw new Error('not true: ' + name);
    seen.push(name);
  };
  const errorOf = (promise) => Promise.resolve(promise).then(() => undefined, (error) => error);
  const echo = async (reader, writer) => {
    for await (const line of reader) {
      writer.write(line);
      await writer.drain();
    }
  };
  const talk = async (client, text) => {
    client.writer.write(text + '\\n');
    return String(await client.reader.readLine()).trimEnd();
  };

  async function serves() {
    claim('there is no Buffer', typeof Buffer === 'undefined' && typeof process === 'undefined');
    const peers = [];
    const served = serveInMemory(
      async (reader, writer, connection) => {
        peers.push(formatAddress(connection.peer));
        await echo(reader, writer);
      },
      { port: 7, peer: '10.0.0.7' },
    );
    const clients = await Promise.all([served.connect(), served.connect({ peer: '::1' })]);
    const answers = await Promise.all(clients.map((client, n) => talk(client, 'päivää ' + n)));
    claim('every client has its echo', String(answers) === 'päivää 0,päivää 1');
    claim('and its address', String(peers) === '10.0.0.7:49152,[::1]:49153');
    claim('the server says where it is', String(served.server) === '<Server serving 127.0.0.1:7, 2 connections>');
    const { accepted, open, handling, bytesRead } = served.server.statistics();
    claim('and what it did', accepted === 2 && open === 2 && handling === 2 && bytesRead === 24);
    const [{ task, peer }] = served.server.connections;
    claim('a connection has its task', task.done() === false && peer.port === 49_152);
    clients[0].writer.write(('x'.repeat(999) + '\\n').repeat(300));
    clients[0].writer.writeEof();
    const bytes = await clients[0].reader.read();
    claim('much comes back, though 64 KiB are in transit', bytes.length === 300_000);
    await clients[0].close();
    await clients[1].close();
    await sleep(1);
    claim('the end of a client is the end of its handler', served.server.connections.size === 0);
    claim('shutdown says so', JSON.stringify(await served.server.shutdown()) === '{"finished":0,"cancelled":0,"aborted":0}');
    const refused = await errorOf(served.connect());
    claim('after it, nobody connects', refused.code === 'ECONNREFUSED');
  }

  async function limits() {
    {
      const order = [];
      await using served = serveInMemory(
        async (reader, writer) => {
          order.push(Number(await reader.readLine()));
          writer.write('served\\n');
        },
        { maxConnections: 1 },
      );
      const clients = [];
      for (const n of [1, 2, 3]) {
        const client = await served.connect();
        clients.push(client);
        if (n > 1) client.writer.write(n + '\\n');
      }
      claim('maxConnections parks who comes then', served.server.statistics().parked === 2);
      clients[0].writer.write('1\\n');
      for (const client of clients) await client.reader.read();
      claim('and serves them in their order', String(order) === '1,2,3');
    }
    {
      const refusals = [];
      await using served = serveInMemory(echo, { maxPerIp: 1, onRefused: ({ code }) => void refusals.push(code) });
      const first = await served.connect({ peer: '2001:db8::1' });
      const second = await served.connect({ peer: '2001:db8::2' });
      claim('maxPerIp counts a block of addresses', (await errorOf(second.reader.read())) instanceof ConnectionLostError);
      claim('onRefused says whom', String(refusals) === 'maxPerIp');
      claim('who is in, is served', (await talk(first, 'in')) === 'in');
      await first.close();
    }
    {
      let most = 0;
      let now = 0;
      await using served = serveInMemory(
        async (_reader, _writer, { task }) => {
          most = Math.max(most, ++now);
          await sleep(2, undefined, { signal: task.signal });
          now--;
        },
        { concurrency: 2 },
      );
      const clients = await Promise.all([1, 2, 3, 4, 5].map(() => served.connect()));
      for (const client of clients) await client.reader.read();
      claim('concurrency bounds the handlers', most === 2);
    }
    {
      const ends = [];
      const handler = (_reader, writer) => void writer.write(new Uint8Array(500_000));
      await using served = serveInMemory(handler, { maxBuffered: 100_000, onEnd: (_, end) => void ends.push(end), onError() {} });
      const client = await served.connect();
      claim('maxBuffered ends a client that is owed too much', (await errorOf(client.reader.read())) instanceof ConnectionLostError);
      await sleep(1);
      claim('onEnd says how it ended', ends.length === 1 && ends[0].kind === 'lost' && /maxBuffered/.test(ends[0].error));
    }
  }

  async function errors() {
    const told = [];
    await using served = serveInMemory(
      async (reader, writer, { task }) => {
        const word = await reader.readTextLine({ signal: task.signal });
        writer.write('before');
        throw new Error(word);
      },
      { onError: (error, connection) => void told.push(error.message + ' from ' + connection.peer.address) },
    );
    const client = await served.connect({ peer: '10.0.0.9' });
    client.writer.write('salty\\n');
    claim('a client of a handler that throws reads what was written', String(await client.reader.read()) === 'before');
    claim('onError is told', String(told) === 'salty from 10.0.0.9');
    const gone = await served.connect();
    gone.abort();
    await sleep(5);
    claim('a lost client too', told.length === 2 && told[1].startsWith('Connection lost'));
    claim('isConnectionLost knows a loss', isConnectionLost(new ConnectionLostError('x')) && !isConnectionLost(new Error('x')));
  }

  async function refusesOptions() {
    const messageOf = (options) => {
      try {
        serveInMemory(echo, options);
      } catch (error) {
        return error.name + ': ' + error.message;
      }
    };
    claim('tls needs a socket', /^TypeError: .*: tls needs a socket/.test(messageOf({ tls: {} })));
    claim('fd needs a socket', /^TypeError: .*: fd needs a socket/.test(messageOf({ fd: 3 })));
    claim('proxyProtocol needs a system', /^TypeError: .*: proxyProtocol needs Node/.test(messageOf({ proxyProtocol: true })));
    claim('a misspelt option is refused', /unknown option "maxConections"/.test(messageOf({ maxConections: 1 })));
    claim('a wrong path is', /^RangeError: .*: path must be/.test(messageOf({ path: 'ä'.repeat(54) })));
    const failed = [];
    await using served = serveInMemory(async (reader, writer, connection) => {
      await reader.readExactly(1);
      failed.push(await errorOf(connection.startTls()));
      writer.write(await reader.read());
    });
    const client = await served.connect();
    client.writer.write('1234');
    client.writer.writeEof();
    claim('after startTls, the connection goes on', String(await client.reader.read()) === '234');
    claim('which says that there is no socket', /in memory/.test(failed[0].message));
  }

  async function ends() {
    const outcomes = [];
    const served = serveInMemory(
      async (reader, _writer, { task }) => {
        const word = await reader.readTextLine();
        if (word === 'long') await sleep(60_000, undefined, { signal: task.signal });
        if (word === 'deaf') await sleep(60_000);
      },
      { onEnd: (_, { kind }) => void outcomes.push(kind) },
    );
    for (const word of ['long', 'deaf', '']) {
      const client = await served.connect();
      if (word !== '') client.writer.write(word + '\\n');
    }
    await sleep(1);
    const began = loopTime();
    const reports = [];
    const undo = setExceptionHandler(({ message }) => void reports.push(message));
    const report = await served.server.shutdown({ grace: 3000 });
    undo[Symbol.dispose]();
    claim('shutdown ends who waits, cancels, and aborts', JSON.stringify(report) === '{"finished":1,"cancelled":1,"aborted":1}');
    claim('in bounded time', loopTime() - began >= 3000 && loopTime() - began <= 6000);
    claim('and names who still runs', /^The handler of connection \\d+ .* did not end/.test(reports));
    await served.server.waitClosed();
    claim('a cancelled handler is one to onEnd', String(outcomes) === 'done,cancelled,cancelled');

    const other = serveInMemory((reader) => reader.read());
    const forever = createTask((task) => other.server.serveForever({ signal: task.signal }));
    await other.connect();
    await sleep(1000);
    forever.cancel();
    claim('serveForever ends with its task', (await errorOf(forever)) instanceof CancelledError);
    claim('and shuts down', other.server.connections.size === 0 && !other.server.isServing());

    const stuck = serveInMemory(() => new Promise(() => undefined));
    await stuck.connect();
    const ending = createTask((task) => stuck.server.shutdown({ signal: task.signal }));
    await sleep(100);
    ending.cancel();
    claim('a cancelled shutdown rejects', (await errorOf(ending)) instanceof CancelledError);
  }

  async function onTheClock(clock) {
    const errors = [];
    const served = serveInMemory(echo, { idleTimeout: 3_600_000, onError: (error) => void errors.push(error) });
    const client = await served.connect();
    claim('it serves on a fake clock', (await talk(client, 'hi')) === 'hi');
    const began = clock.now();
    await errorOf(client.reader.read());
    const took = clock.now() - began;
    claim('idleTimeout of an hour ends at its time', took >= 3_600_000 && took <= 3_603_000);
    await served.server.shutdown();
    claim('onError says why', errors.length === 1 && errors[0].cause instanceof TimeoutError);
  }

  async function tools() {
    const clock = new FakeClock();
    const task = createTask(() => sleep(60_000, 'a minute'));
    await clock.advance(59_999);
    claim('a fake clock does not run ahead', !task.done());
    await clock.advance(1);
    claim('and fires at its time', task.result() === 'a minute');
    clock[Symbol.dispose]();

    await runWithFakeClock(async (clock) => {
      const [client, near] = memoryStreamPair();
      const [far, server] = memoryStreamPair();
      const link = new FaultyLink(near, far, { seed: 1, faults: { piece: 1, delay: 1000, up: { truncateAfter: 6 } } });
      client.writer.write('forget me');
      claim('a faulty link truncates, at its time', String(await server.reader.read()) === 'forget' && clock.now() === 6000);
      await client.close();
      await server.close();
      await link.waitClosed();
      claim('and ends with its ends', link.state === 'ended' && link.up.dropped === 3);
    });

    await runWithFakeClock(async () => {
      const draws = seededRandom(1);
      await using served = serveInMemory(echo);
      for (let n = 0; n < 5; n++) {
        const client = await served.connect();
        const [near, user] = memoryStreamPair();
        const link = new FaultyLink(near, client, { seed: n, faults: drawFaults(draws, { lossless: true }) });
        user.writer.write('soup '.repeat(2000) + n + '\\n');
        const line = String(await user.reader.readLine());
        if (line.length !== 10_002) throw new Error('lost: ' + line.length);
        await user.close();
        await link.waitClosed();
      }
      seen.push('a server in memory behind bad networks serves everybody');
    });

    const order = [];
    const sequencer = new Sequencer();
    const steps = [2, 0, 1].map((n) =>
      createTask(async (task) => {
        const step = await sequencer.step(n, { signal: task.signal });
        order.push(n);
        step[Symbol.dispose]();
      }),
    );
    await gather(steps);
    claim('a sequencer orders', String(order) === '0,1,2');
    const last = createTask((task) => sequencer.step(4, { signal: task.signal }));
    await allTasksBlocked();
    last.cancel();
    claim('and its steps can be cancelled', (await errorOf(last)) instanceof CancelledError);

    let forgotten;
    const leak = await errorOf(withLeakCheck(() => void (forgotten = createTask((task) => sleep(60_000, undefined, task)))));
    claim('a leak check finds a task', /The test left behind:\\n.*<Task/.test(leak.message));
    forgotten.cancel();

    await checkDuplex(() => memoryStreamPair());
    const served = serveInMemory((_reader, _writer, connection) => {
      connection.detach();
      accepted = connection;
    });
    let accepted;
    await checkDuplex(async () => {
      accepted = undefined;
      const client = await served.connect();
      while (accepted === undefined) await sleep(0);
      return [client, accepted];
    });
    seen.push('checkDuplex passes pairs in memory, and clients of a server');
    await served.server.shutdown();

    const points = await exploreCancellation(async (x) => {
      const served = serveInMemory(echo, { onError() {} }); // clients that leave
      x.task('a', async ({ signal }) => {
        const client = await served.connect({ signal });
        try {
          client.writer.write('hi\\n');
          await client.reader.readLine({ signal });
        } finally {
          client.abort();
        }
      });
      await x.settled();
      await served.server.shutdown();
      if (served.server.connections.size > 0) throw new Error('a client is left');
    });
    claim('cancellation is explored where signals are passed on', points >= 4);
  }

  export const result = run(async () => {
    await serves();
    await limits();
    await errors();
    await refusesOptions();
    await runWithFakeClock(onTheClock);
    await runWithFakeClock(ends);
    await tools();
    return seen;
  });
`;

const claims = 49;

describe('maitre/testing in browsers', () => {
  test('its bundle has nothing of Node in it, and nothing of the rooms that need Node', async () => {
    const { code, files } = await bundle(wholeDoor);
    assert.doesNotMatch(code, /node:|\bprocess\b|\brequire\b|async_hooks/);
    const rooms = ['base', 'core', 'executors', 'hosts', 'net', 'simulation', 'streams', 'sync', 'testing'];
    assert.deepEqual(roomsOf(files), rooms);
    assert.ok(!files.some((file) => /hosts\/node|\.node\.js$|net\/raw|secure|listener\.js/.test(file)));
  });

  test(`the whole door is at most ${wholeDoorLimit} bytes, a server alone ${serverLimit}`, async () => {
    const sizes = { wholeDoor: await gzippedSize(wholeDoor), server: await gzippedSize(server) };
    assert.ok(sizes.wholeDoor <= wholeDoorLimit && sizes.server <= serverLimit, JSON.stringify(sizes));
    assert.ok(sizes.wholeDoor > wholeDoorLimit - 500, `lower the limit to what is measured: ${JSON.stringify(sizes)}`);
    assert.ok(sizes.server > serverLimit - 500, `lower the limit to what is measured: ${JSON.stringify(sizes)}`);
  });

  test('the whole door loads, and makes no channel before it is used', async () => {
    const { seen, channels } = await runAsInBrowser(`${wholeDoor} export const result = Promise.resolve(['loaded']);`);
    assert.deepEqual([seen.length, channels], [1, 0]);
  });

  test('simulate, which needs sockets, is missed when it is bundled', async () => {
    await assert.rejects(bundle("export { simulate } from 'maitre/testing';"), /No matching export .*"simulate"/);
  });

  test('a gate for whose options there is no system says so', async () => {
    const gates = `
      import 'maitre/testing';
      import { Gate } from './dist/net/gate.js';
      const errorOf = (options) => new Gate(options, { onClient() {} }).start().catch((error) => String(error));
      export const result = Promise.all([errorOf({ port: 1 }), errorOf({ tls: {} })]);
    `;
    const { seen } = await runAsInBrowser(gates);
    assert.deepEqual(
      [...seen],
      [
        'InvalidStateError: Cannot listen: this host has no sockets',
        'InvalidStateError: Cannot use TLS: this host has no sockets',
      ],
    );
  });

  test('it runs in a context that has what browsers have and no Buffer', { timeout: 30_000 }, async () => {
    const { seen } = await runAsInBrowser(program);
    assert.equal(seen.length, claims, seen.join('\n'));
  });

  test('it runs in Chromium', { skip: noBrowser, timeout: 60_000 }, async () => {
    const { seen, errors } = await runInBrowser(program);
    assert.equal(seen.length, claims, seen.join('\n'));
    assert.deepEqual(errors, []);
  });
});
