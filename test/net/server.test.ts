import assert from 'node:assert/strict';
import {
  CancelledError,
  type Connection,
  createTask,
  type ExceptionContext,
  Future,
  type Handler,
  openConnection,
  setExceptionHandler,
  sleep,
  startServer,
  timeout,
} from 'maitre';
import { allTasksBlocked } from 'maitre/testing';
import { microtasks, nextTurn, test } from '../support/test.js';
import {
  echo,
  HOST,
  isBun,
  pause,
  portOf,
  RawClient,
  readAll,
  until,
  withClients,
  within,
  withServer,
} from './sockets.js';

/** Collects what a server reports. */
function collect(): {
  errors: unknown[];
  connections: Connection[];
  onError: (error: unknown, connection: Connection) => void;
} {
  const errors: unknown[] = [];
  const connections: Connection[] = [];
  return {
    errors,
    connections,
    onError: (error, connection) => {
      errors.push(error);
      connections.push(connection);
    },
  };
}

// ---- how a handler ends ------------------------------------------------------------------------------------------

const returns: Record<string, Handler> = {
  'returns at once': (_reader, writer) => writer.write('bye'),
  'returns after a wait': async (_reader, writer) => {
    await sleep(1);
    writer.write('bye');
  },
  'closed the writer itself and returns': async (_reader, writer) => {
    writer.write('bye');
    writer.close();
    await writer.waitClosed();
  },
  'returns a thenable that is no promise': (_reader, writer) => {
    writer.write('bye');
    // oxlint-disable-next-line unicorn/no-thenable -- the point
    return { then: (done: () => void) => setTimeout(done, 1) };
  },
};
for (const [how, handler] of Object.entries(returns)) {
  test(`a handler that ${how}: what it wrote arrives, then the end, and nothing is reported`, async () => {
    const { errors, onError } = collect();
    await withServer(handler, { onError }, async (server, port) => {
      const client = new RawClient(port);
      assert.equal(await client.end(), 'bye');
      await client.close();
      assert.equal(client.error, undefined);
      await until(() => server.connections.size === 0);
    });
    assert.deepEqual(errors, []);
  });
}

const boom = new Error('boom');
const throws: Record<string, readonly [Handler, unknown]> = {
  'throws at once': [
    (_reader, writer) => {
      writer.write('bye');
      throw boom;
    },
    boom,
  ],
  'throws later': [
    async (_reader, writer) => {
      writer.write('bye');
      await sleep(1);
      throw boom;
    },
    boom,
  ],
  'throws a text': [
    (_reader, writer) => {
      writer.write('bye');
      throw 'a text';
    },
    'a text',
  ],
  'rejects with undefined': [
    (_reader, writer) => {
      writer.write('bye');
      return Promise.reject();
    },
    undefined,
  ],
  'throws after closing': [
    async (_reader, writer) => {
      writer.write('bye');
      writer.close();
      await writer.waitClosed();
      throw boom;
    },
    boom,
  ],
  'detaches and throws': [
    (_reader, writer, connection) => {
      connection.detach();
      writer.write('bye');
      throw boom;
    },
    boom,
  ],
};
for (const [how, [handler, error]] of Object.entries(throws)) {
  test(`a handler that ${how}: it is reported once with its connection, and closed after what it wrote`, async () => {
    const { errors, connections, onError } = collect();
    await withServer(handler, { onError }, async (server, port) => {
      const client = new RawClient(port);
      assert.equal(await client.end(), 'bye');
      await client.close();
      await until(() => server.connections.size === 0);
    });
    assert.deepEqual(errors, [error]);
    assert.match(String(connections), /^<Connection \d+ from 127\.0\.0\.1:\d+ closed>$/);
  });
}

test('a cancelled handler closes after what it wrote, silently', async () => {
  const { errors, onError } = collect();
  const cleaned: string[] = [];
  const handler: Handler = async (reader, writer) => {
    writer.write('hi');
    try {
      await reader.read();
    } finally {
      await sleep(1); // cleanup may wait
      writer.write(' bye');
      cleaned.push('yes');
    }
  };
  await withServer(handler, { onError }, async (server, port) => {
    const client = new RawClient(port);
    await client.receives('hi');
    for (const { task } of server.connections) task?.cancel();
    assert.equal(await client.end(), 'hi bye');
    await client.close();
    await until(() => server.connections.size === 0);
  });
  assert.deepEqual([errors, cleaned], [[], ['yes']]);
});

test('without onError the exception handler gets the error, with the connection', async () => {
  const contexts: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => contexts.push(context));
  const handler: Handler = () => {
    throw boom;
  };
  await withServer(handler, {}, async (_server, port) => {
    const client = new RawClient(port);
    await client.end();
    await client.close();
  });
  assert.equal(contexts.length, 1);
  assert.equal(contexts[0]?.error, boom);
  assert.match(contexts[0]?.message ?? '', /^Unhandled error in the handler of connection \d+ from 127/);
  assert.match(String(contexts[0]?.['connection']), /^<Connection \d+ from/);
});

for (const how of ['throws', 'rejects'] as const) {
  test(`an onError that ${how} is reported together with what it was given, and the server goes on`, async () => {
    const contexts: ExceptionContext[] = [];
    using _ = setExceptionHandler((context) => contexts.push(context));
    const failure = new Error('onError itself');
    const handler: Handler = async (reader) => {
      if (String(await reader.readLine()) === 'bad\n') throw boom;
    };
    const onError =
      how === 'throws'
        ? (): void => {
            throw failure;
          }
        : async (): Promise<void> => {
            await sleep(1);
            throw failure;
          };
    await withServer(handler, { onError }, async (server, port) => {
      for (const line of ['bad\n', 'good\n']) {
        const client = new RawClient(port);
        client.socket.write(line);
        await client.end();
        await client.close();
      }
      await until(() => contexts.length === 2 && server.connections.size === 0);
    });
    assert.deepEqual(
      contexts.map(({ error }) => error),
      [failure, boom],
    );
    assert.match(String(contexts[0]?.message), /^onError failed for connection/);
  });
}

test("one client's error reaches no other client", async () => {
  const { errors, onError } = collect();
  const handler: Handler = async (reader, writer) => {
    for await (const line of reader) {
      if (String(line) === 'bad\n') throw new Error('bad');
      writer.write(line);
    }
  };
  await withServer(handler, { onError }, async (_server, port) => {
    await withClients(20, port, async (clients) => {
      for (let round = 0; round < 3; round++) {
        clients.forEach((client, i) => client.socket.write(i % 4 === round ? 'bad\n' : `${round} ${i}\n`));
        for (const [i, client] of clients.entries()) {
          if (i % 4 <= round) await client.end();
          else await client.receives(`${round} ${i}\n`);
        }
      }
      for (const [i, client] of clients.entries()) {
        assert.equal(
          client.text,
          [0, 1, 2]
            .slice(0, i % 4)
            .map((round) => `${round} ${i}\n`)
            .join(''),
        );
      }
    });
  });
  assert.equal(errors.length, 15);
});

test('a detached connection stays open after its handler, for whoever closes it', async () => {
  let kept: Connection | undefined;
  await withServer(
    (_reader, _writer, connection) => {
      connection.detach();
      kept = connection;
    },
    {},
    async (server, port) => {
      const client = await new RawClient(port).connected();
      await until(() => kept !== undefined);
      await pause(10);
      assert.equal(client.ended, false);
      assert.equal(server.connections.size, 1);
      kept?.writer.write('later');
      await client.receives('later');
      await kept?.close();
      await client.close();
      assert.equal(server.connections.size, 0);
    },
  );
});

test('a connection counts as open until its transport is gone and its handler has ended', async () => {
  const gate = new Future<void>();
  await withServer(
    async (_reader, writer) => {
      writer.close();
      await gate;
    },
    {},
    async (server, port) => {
      const client = new RawClient(port);
      await client.end();
      await client.close();
      await pause(5);
      const [connection] = server.connections;
      assert.equal(connection?.closed, true);
      server.close();
      const closed = createTask(() => server.waitClosed());
      await allTasksBlocked();
      assert.equal(closed.done(), false);
      gate.setResult();
      await closed;
      assert.equal(server.connections.size, 0);
    },
  );
});

// ---- close, waitClosed ---------------------------------------------------------------------------------------------

test('close stops accepting, leaves connections alone, and may be called again', async () => {
  await withServer(echo, {}, async (server, port) => {
    await withClients(2, port, async (clients) => {
      await until(() => server.connections.size === 2);
      const { label } = server;
      server.close();
      server.close();
      assert.equal(label, `Server 127.0.0.1:${port}`);
      assert.equal(server.label, label, 'one that drains keeps its name in figures');
      assert.deepEqual([server.isServing(), server.addresses], [false, []]);
      await assert.rejects(openConnection({ host: HOST, port }), { code: 'ECONNREFUSED' });
      for (const client of clients) {
        client.socket.write('still here\n');
        await client.receives('still here\n');
      }
      assert.equal(server.connections.size, 2);
      assert.match(String(server), /^<Server closed, 2 connections>$/);
    });
  });
});

test('waitClosed resolves when the server is closed and empty, whichever comes last', async () => {
  await withServer(readAll, {}, async (server, port) => {
    const early = [createTask(() => server.waitClosed()), createTask(() => server.waitClosed())];
    const client = await new RawClient(port).connected();
    await until(() => server.connections.size === 1);
    await client.close();
    await until(() => server.connections.size === 0);
    await allTasksBlocked();
    assert.ok(
      early.every((task) => !task.done()),
      'empty, but not closed',
    );
    server.close();
    for (const task of early) await task;
    await server.waitClosed(); // after the fact, at once
  });
  await withServer(readAll, {}, async (server, port) => {
    const client = await new RawClient(port).connected();
    await until(() => server.connections.size === 1);
    server.close();
    const late = createTask(() => server.waitClosed());
    await allTasksBlocked();
    assert.equal(late.done(), false, 'closed, but not empty');
    await client.close();
    await late;
    assert.equal(server.connections.size, 0);
  });
});

test('waitClosed can be cancelled, by its task and by a signal, and closes nothing', async () => {
  await withServer(readAll, {}, async (server) => {
    const task = createTask(() => server.waitClosed());
    const other = createTask(() => server.waitClosed());
    await nextTurn();
    task.cancel();
    await assert.rejects(async () => task, CancelledError);
    await assert.rejects(server.waitClosed({ signal: AbortSignal.abort() }), CancelledError);
    assert.deepEqual([server.isServing(), other.done()], [true, false]);
    server.close();
    await other;
  });
});

test('closeClients ends every connection after what it has written', async () => {
  const big = 'x'.repeat(3_000_000);
  await withServer(
    async (reader, writer) => {
      writer.write(big);
      await reader.read();
    },
    {},
    async (server, port) => {
      await withClients(3, port, async (clients) => {
        await until(() => server.connections.size === 3);
        server.closeClients();
        for (const client of clients) {
          await client.end();
          assert.equal(client.received.length, big.length);
          assert.equal(client.error, undefined);
          client.socket.end();
        }
        await until(() => server.connections.size === 0);
        assert.equal(server.isServing(), true);
      });
    },
  );
});

test('abortClients ends every connection at once, and what is unsent is lost', async () => {
  const { errors, onError } = collect();
  await withServer(
    async (_reader, writer) => {
      writer.write(Buffer.alloc(10_000_000));
      await writer.drain();
    },
    { onError },
    async (server, port) => {
      const client = await new RawClient(port).connected();
      client.socket.pause();
      await until(() => [...server.connections].some(({ writer }) => writer.bufferedBytes > 0));
      server.abortClients();
      await within(
        1000,
        until(() => server.connections.size === 0),
      );
      client.socket.resume();
      await client.end(); // by a reset, which libuv shows as an end where it comes with the last bytes
      assert.ok(client.received.length < 10_000_000);
      await client.close();
    },
  );
  assert.deepEqual(
    errors.map((error) => (error as Error).name),
    ['ConnectionLostError'],
  );
});

// ---- serveForever --------------------------------------------------------------------------------------------------

test('serveForever starts the server, and a cancel of its task shuts it down before CancelledError comes', async () => {
  const server = await startServer(echo, { host: HOST, startServing: false });
  const task = createTask(() => server.serveForever());
  await until(() => server.isServing());
  const client = new RawClient(portOf(server));
  client.socket.write('x\n');
  await client.receives('x\n');
  task.cancel('enough');
  await assert.rejects(async () => task, { name: 'CancelledError', message: 'enough' });
  assert.equal(client.ended || client.closed || server.connections.size === 0, true);
  assert.equal(server.isServing(), false);
  assert.equal(await client.end(), 'x\n');
  await client.close();
});

test('serveForever ends with CancelledError when the server is closed, and leaves the connections alone', async () => {
  const server = await startServer(echo, { host: HOST });
  const task = createTask(() => server.serveForever());
  const client = new RawClient(portOf(server));
  client.socket.write('x\n');
  await client.receives('x\n');
  server.close();
  await assert.rejects(
    async () => task,
    (error: CancelledError) => {
      assert.ok(error instanceof CancelledError);
      assert.deepEqual(error.reason, { kind: 'shutdown', by: server });
      return true;
    },
  );
  client.socket.write('y\n');
  await client.receives('y\n');
  await client.close();
  await server.waitClosed();
});

test('serveForever of a server that is closed while it begins to listen ends with CancelledError too', async () => {
  for (let step = 2; step < 12; step++) {
    // after one, it has not begun
    const server = await startServer(echo, { host: HOST, startServing: false });
    const task = createTask(() => server.serveForever());
    await microtasks(step);
    server.close();
    await assert.rejects(async () => task, CancelledError);
    assert.deepEqual(server.addresses, []);
  }
});

test('serveForever: a second call, and one on a closed server, is an InvalidStateError', async () => {
  const server = await startServer(echo, { host: HOST });
  const task = createTask(() => server.serveForever());
  await nextTurn();
  await assert.rejects(server.serveForever(), { name: 'InvalidStateError', message: /running already/ });
  server.close();
  await assert.rejects(server.serveForever(), { name: 'InvalidStateError', message: /is closed/ });
  await assert.rejects(async () => task, CancelledError);
});

test('serveForever that could not listen may be called again', async () => {
  const taken = await startServer(echo, { host: HOST });
  const server = await startServer(echo, { host: HOST, port: portOf(taken), startServing: false });
  await assert.rejects(server.serveForever(), { code: 'EADDRINUSE' });
  await taken.shutdown();
  const task = createTask(() => server.serveForever());
  await until(() => server.isServing());
  task.cancel();
  await assert.rejects(async () => task, CancelledError);
});

test('serveForever takes a signal, and outside of tasks too', async () => {
  const server = await startServer(echo, { host: HOST });
  const controller = new AbortController();
  const serving = server.serveForever({ signal: controller.signal });
  controller.abort(new Error('closing time'));
  await assert.rejects(serving, CancelledError);
  assert.equal(server.isServing(), false);
});

test('a timeout ends serveForever', async () => {
  const server = await startServer(echo, { host: HOST });
  await assert.rejects(
    timeout(10, () => server.serveForever()),
    { name: 'TimeoutError' },
  );
  assert.equal(server.isServing(), false);
});

// ---- concurrency, maxConnections -----------------------------------------------------------------------------------

test('concurrency: at most so many handlers run, the others wait in the order they came', async () => {
  let running = 0;
  let most = 0;
  const order: string[] = [];
  const allCame = new Future<void>();
  await withServer(
    async (reader, writer) => {
      most = Math.max(most, ++running);
      order.push(String(await reader.readLine()).trim());
      await allCame;
      await sleep(2);
      running--;
      writer.write('served');
    },
    { concurrency: 3 },
    async (server, port) => {
      const clients: RawClient[] = [];
      let accepted = 0;
      for (let i = 0; i < 12; i++) {
        const client = await new RawClient(port).connected();
        client.socket.write(`${i}\n`);
        clients.push(client);
        // Accepted, in this order: each connection has an id above all before it.
        const last = accepted;
        await until(
          () => (accepted = Math.max(...[...server.connections].map(({ id }) => id), last)) > last || order.length > i,
        );
      }
      allCame.setResult();
      for (const client of clients) {
        assert.equal(await client.end(), 'served');
        await client.close();
      }
    },
  );
  assert.equal(most, 3);
  assert.deepEqual(
    order,
    Array.from({ length: 12 }, (_, i) => String(i)),
  );
});

test('concurrency: thousands in line whose handlers end at once are served without a deep stack', async () => {
  const gate = new Future<void>();
  let served = 0;
  const count = isBun ? 500 : 3000; // of thousands at once Bun leaves some unaccepted
  await withServer(
    () => (served++ === 0 ? gate.then() : undefined),
    { concurrency: 1 },
    async (server, port) => {
      await withClients(count, port, async () => {
        await until(() => server.connections.size === count);
        assert.equal(served, 1);
        // A stack one tenth as deep as usual would do; handlers in each other's stack would need one ten times as deep.
        gate.setResult();
        await until(() => served === count);
      });
      await until(() => server.connections.size === 0);
    },
  );
});

test('concurrency: a client that left while it stood in line is served what it sent', async () => {
  const gate = new Future<void>();
  const got: string[] = [];
  await withServer(
    async (reader) => {
      const text = String(await reader.read());
      got.push(text);
      if (text === 'first') await gate;
    },
    { concurrency: 1 },
    async (server, port) => {
      const first = new RawClient(port);
      first.socket.end('first');
      await until(() => got.length === 1);
      const second = new RawClient(port);
      second.socket.end('second');
      await until(() => server.connections.size === 2);
      await pause(5);
      second.socket.destroy();
      await pause(5);
      gate.setResult();
      await until(() => server.connections.size === 0);
      await first.close();
    },
  );
  assert.deepEqual(got, ['first', 'second']);
});

test('concurrency: a client that resets in line holds up nobody, neither the line nor a shutdown', async () => {
  const reports: string[] = [];
  using _ = setExceptionHandler(({ message }) => void reports.push(message));
  const gate = new Future<void>();
  let served = 0;
  await withServer(
    async () => {
      served++;
      await gate;
    },
    { concurrency: 1 },
    async (server, port) => {
      const first = await new RawClient(port).connected();
      await until(() => served === 1);
      const resets = await new RawClient(port).connected();
      const ends = await new RawClient(port).connected();
      await until(() => server.connections.size === 3);
      resets.reset();
      ends.socket.destroy(); // an end: what it sent is not lost, so it keeps its place
      await until(() => server.connections.size === 2, 'the reset to be seen');
      const waiting = createTask(() => server.waitClosed());
      const took = performance.now();
      assert.deepEqual(await server.shutdown({ grace: 10 }), { finished: 0, cancelled: 2, aborted: 0 });
      assert.ok(performance.now() - took < 800, 'it took a step for what was gone');
      await waiting;
      await first.close();
      await until(() => resets.closed && ends.closed);
    },
  );
  assert.equal(served, 1);
  assert.deepEqual(
    reports.filter((message) => !message.startsWith('Lost')),
    [],
  );
});

test('a client that ended in line and is gone is let go by a shutdown', async () => {
  const gate = new Future<void>();
  await withServer(
    (reader) => reader.readLine().then(() => gate),
    { concurrency: 1 },
    async (server, port) => {
      const first = await new RawClient(port).connected();
      first.socket.write('x\n');
      const second = await new RawClient(port).connected();
      await until(() => server.connections.size === 2);
      second.socket.end();
      for (const connection of server.connections) if (connection.task === undefined) connection.writer.close();
      await until(() => [...server.connections].some(({ closed }) => closed));
      assert.equal(server.connections.size, 2);
      await within(800, server.shutdown({ grace: 10 }));
      await server.waitClosed();
      await first.close();
      await second.close();
    },
  );
});

test('maxConnections: more wait, accepted and unread, and are served when there is room', async () => {
  await withServer(echo, { maxConnections: 2 }, async (server, port) => {
    await withClients(5, port, async (clients) => {
      for (const [i, client] of clients.entries()) client.socket.write(`${i}\n`);
      await clients[0]?.receives('0\n');
      await clients[1]?.receives('1\n');
      await pause(20);
      assert.deepEqual(
        clients.map((client) => client.text),
        ['0\n', '1\n', '', '', ''],
      );
      assert.equal(server.connections.size, 2);
      for (let i = 0; i < 3; i++) {
        await clients[i]?.close();
        await clients[i + 2]?.receives(`${i + 2}\n`);
        assert.ok(server.connections.size <= 2);
      }
    });
    await until(() => server.connections.size === 0);
  });
});

test('maxConnections: a waiting client that leaves holds no place, whether it ended or reset', async () => {
  const got: string[] = [];
  await withServer(
    async (reader, writer) => {
      got.push(String(await reader.readLine()));
      writer.write('ok');
    },
    { maxConnections: 1, onError: () => undefined },
    async (server, port) => {
      const first = await new RawClient(port).connected();
      await until(() => server.connections.size === 1);
      const leavers = [new RawClient(port), new RawClient(port), new RawClient(port)];
      for (const leaver of leavers) await leaver.connected();
      await pause(5);
      leavers[0]?.reset();
      leavers[1]?.socket.destroy();
      leavers[2]?.socket.end('parting\n');
      const last = await new RawClient(port).connected();
      last.socket.write('last\n');
      await pause(5);
      first.socket.write('first\n');
      assert.equal(await last.end(), 'ok');
      for (const client of [...leavers, first, last]) await client.close();
    },
  );
  assert.equal(got[0], 'first\n');
  assert.equal(got.at(-1), 'last\n');
  assert.ok(got.includes('parting\n'));
});

test('maxConnections: closing the server drops those that wait', async () => {
  await withServer(readAll, { maxConnections: 1 }, async (server, port) => {
    await withClients(3, port, async (clients) => {
      await until(() => server.connections.size === 1);
      await pause(5);
      server.close();
      await until(() => clients.filter((client) => client.ended || client.closed).length === 2);
      assert.equal(server.connections.size, 1);
    });
  });
});

test('concurrency and maxConnections together', async () => {
  let running = 0;
  let most = 0;
  await withServer(
    async (reader, writer) => {
      most = Math.max(most, ++running);
      writer.write(await reader.readLine());
      await sleep(1);
      running--;
    },
    { concurrency: 2, maxConnections: 4 },
    async (server, port) => {
      await withClients(20, port, async (clients) => {
        for (const client of clients) client.socket.write('x\n');
        for (const client of clients) {
          assert.ok(server.connections.size <= 4);
          assert.equal(await client.end(), 'x\n');
          client.socket.end();
        }
      });
    },
  );
  assert.equal(most, 2);
});

test('1,000 connections opened and dropped at once leave nothing', async () => {
  const { errors, onError } = collect();
  let handled = 0;
  await withServer(
    async (reader, writer) => {
      handled++;
      for await (const line of reader) {
        writer.write(line);
        await writer.drain();
      }
    },
    { onError },
    async (server, port) => {
      const clients = Array.from({ length: 1000 }, (_, i) => {
        const client = new RawClient(port);
        client.socket.on('connect', () => {
          if (i % 3 === 0) client.reset();
          else if (i % 3 === 1) client.socket.destroy();
          else client.socket.end('x\n');
        });
        return client;
      });
      await until(() => clients.every(({ closed, ended }) => closed || ended));
      for (const client of clients) await client.close();
      await until(() => server.connections.size === 0);
      assert.equal(clients.filter((client) => client.text === 'x\n').length, 333);
      const client = new RawClient(port);
      client.socket.write('still\n');
      await client.receives('still\n');
      await client.close();
    },
  );
  assert.ok(handled <= 1001);
  for (const error of errors) assert.equal((error as Error).name, 'ConnectionLostError');
});

test('await using shuts down', async () => {
  let port = 0;
  const client = await (async () => {
    await using server = await startServer(echo, { host: HOST });
    port = portOf(server);
    const opened = new RawClient(port);
    opened.socket.write('x\n');
    await opened.receives('x\n');
    return opened;
  })();
  assert.equal(await client.end(), 'x\n');
  await client.close();
  await assert.rejects(openConnection({ host: HOST, port }), { code: 'ECONNREFUSED' });
});
