import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createTask, currentTask, InvalidStateError, run, sleep, startServer, type Handler } from 'maitre';
import { test } from '../support/test.js';
import { echo, HOST, portOf, RawClient, until, withServer } from './sockets.js';

test('startServer takes only a function as handler, and only an object as options', async () => {
  for (const wrong of [undefined, null, 'x', {}, Promise.resolve()]) {
    await assert.rejects(startServer(wrong as Handler, {}), {
      name: 'TypeError',
      message: /^Cannot start server: the handler must be a function, got /,
    });
  }
  for (const wrong of [null, 'x', 1]) {
    await assert.rejects(startServer(echo, wrong as unknown as object), {
      name: 'TypeError',
      message: /must be an object/,
    });
  }
});

test('startServer listens when it resolves, and the handler gets reader, writer and connection', async () => {
  await withServer(
    async (reader, writer, connection) => {
      assert.equal(reader, connection.reader);
      assert.equal(writer, connection.writer);
      writer.write(`${await reader.readLine()}`);
    },
    {},
    async (server, port) => {
      assert.equal(server.isServing(), true);
      assert.deepEqual(server.addresses, [{ address: HOST, port, family: 'IPv4' }]);
      assert.match(String(server), new RegExp(`^<Server serving ${HOST}:${port}, 0 connections>$`));
      const client = new RawClient(port);
      client.socket.write('hi\n');
      assert.equal(await client.end(), 'hi\n');
      await client.close();
    },
  );
});

test('startServing: false listens from startServing() on, which may be called again', async () => {
  const server = await startServer(echo, { host: HOST, startServing: false });
  assert.equal(server.isServing(), false);
  assert.deepEqual(server.addresses, []);
  await Promise.all([server.startServing(), server.startServing()]);
  await server.startServing();
  assert.equal(server.isServing(), true);
  assert.equal(server.addresses.length, 1);
  await (await new RawClient(portOf(server)).connected()).close();
  server.close();
  assert.equal(server.isServing(), false);
  assert.deepEqual(server.addresses, []);
  await assert.rejects(server.startServing(), InvalidStateError);
  await server.waitClosed();
});

test('startServing that failed may be tried again', async () => {
  const taken = await startServer(echo, { host: HOST });
  const server = await startServer(echo, { host: HOST, port: portOf(taken), startServing: false });
  await assert.rejects(server.startServing(), { code: 'EADDRINUSE' });
  assert.equal(server.isServing(), false);
  await taken.shutdown();
  await server.startServing();
  assert.equal(server.isServing(), true);
  await server.shutdown();
});

test('a server closed while it begins to listen does not listen', async () => {
  const server = await startServer(echo, { host: 'localhost', startServing: false });
  const starting = server.startServing();
  server.close();
  await assert.rejects(starting, InvalidStateError);
  assert.deepEqual(server.addresses, []);
  assert.equal(server.isServing(), false);
  await server.waitClosed();
});

test('startServer cancelled at any step leaves nothing that listens', async () => {
  for (const host of [HOST, 'localhost', [HOST, '::1']]) {
    for (let step = 0; step < 12; step++) {
      const task = createTask(() => startServer(echo, { host }));
      for (let turn = 0; turn < step; turn++)
        await (step < 6 ? undefined : new Promise((resolve) => void setImmediate(resolve)));
      task.cancel();
      try {
        await (await task).shutdown(); // it was done already
      } catch (error) {
        assert.equal((error as Error).name, 'CancelledError');
      }
    }
  }
  // A name that is being looked up cannot be taken back.
  await until(() => !process.getActiveResourcesInfo?.().includes('GetAddrInfoReqWrap'));
}); // the leak check sees listening sockets

test('each handler is a task of its own, named after its peer', async () => {
  const names: string[] = [];
  const tasks = new Set<unknown>();
  await withServer(
    async (_reader, writer, connection) => {
      const task = currentTask();
      await sleep(1);
      assert.equal(currentTask(), task);
      assert.equal(connection.task, task);
      names.push(String(task?.name));
      tasks.add(task);
      writer.write('done');
    },
    {},
    async (_server, port) => {
      for (let i = 0; i < 3; i++) {
        const client = new RawClient(port);
        await client.receives('done');
        await client.close();
      }
    },
  );
  assert.equal(tasks.size, 3);
  for (const name of names) assert.match(name, /^127\.0\.0\.1:\d+ #\d+$/);
});

test('handlers begin with the AsyncLocalStorage values of startServer, and leave none to each other', async () => {
  const storage = new AsyncLocalStorage<string>();
  for (const options of [{}, { concurrency: 1 }, { maxConnections: 1 }]) {
    const seen: unknown[] = [];
    const server = await storage.run('of the server', () =>
      startServer(
        async (reader, writer) => {
          seen.push(storage.getStore());
          storage.enterWith('of a handler'); // would leak out of a function that is merely called
          await sleep(0);
          assert.equal(storage.getStore(), 'of a handler');
          writer.write(await reader.readLine());
        },
        { host: HOST, ...options },
      ),
    );
    assert.equal(storage.getStore(), undefined);
    const clients = Array.from({ length: 4 }, () => new RawClient(portOf(server)));
    for (const client of clients) {
      client.socket.write('x\n');
      await client.receives('x\n');
      await client.close();
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 4 }, () => 'of the server'),
    );
    await server.shutdown();
  }
});

test('handlers belong to the run() that started their server', async () => {
  const ended: string[] = [];
  let client: RawClient | undefined;
  await run(
    async () => {
      const server = await startServer(
        async (_reader, writer) => {
          writer.write('hello');
          try {
            await sleep(Infinity);
          } finally {
            ended.push('handler');
          }
        },
        { host: HOST },
      );
      client = new RawClient(portOf(server));
      await client.receives('hello');
      server.close(); // and not waited for
    },
    { grace: 50 },
  );
  assert.deepEqual(ended, ['handler']);
  await client?.close();
});
