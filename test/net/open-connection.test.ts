import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import dns from 'node:dns/promises';
import { syncBuiltinESMExports } from 'node:module';
import { connect, createServer, type Socket } from 'node:net';
import {
  allTasks,
  type Connection,
  type ConnectOptions,
  createTask,
  currentTask,
  openConnection,
  sleep,
  startServer,
  timeout,
} from 'maitre';
import { addInstrument } from 'maitre/lowlevel';
import { cancelAtEveryStep } from '../support/explore.js';
import { microtasks, nextTurn, test } from '../support/test.js';
import { type Program, startFixture } from './programs.js';
import {
  echo,
  HOST,
  isBun,
  isNode,
  pause,
  portOf,
  readAll,
  temporaryFolder,
  until,
  within,
  withServer,
} from './sockets.js';

// ---- options -----------------------------------------------------------------------------------------------------

const wrongTypes: Record<string, readonly unknown[]> = {
  host: [1, null, ['127.0.0.1']],
  port: ['80', null, 80n],
  localAddress: [1, null],
  limit: ['1', null],
  maxBuffered: ['1', null],
  noDelay: [1, null],
  keepAlive: ['no', null],
  allErrors: [1, null],
  timeout: ['1', {}],
  happyEyeballsDelay: ['1', null],
  signal: [1, null, {}],
  tls: ['yes', false, null, []],
  closeNotifyTimeout: ['1', null],
};
const wrongValues: Record<string, readonly unknown[]> = {
  host: ['', '127.0.0.1\0evil', 'local host', 'localhost\n'],
  port: [-1, 65_536, 1.5, Number.NaN],
  localAddress: ['', 'localhost', '1.2.3'],
  limit: [0, -1, 1.5, Number.NaN],
  maxBuffered: [0, -1, Number.NaN],
  timeout: [Number.NaN],
  happyEyeballsDelay: [-1, Number.NaN],
  closeNotifyTimeout: [0, -1, Number.NaN],
};
for (const [kind, table] of [
  ['TypeError', wrongTypes],
  ['RangeError', wrongValues],
] as const) {
  for (const [name, values] of Object.entries(table)) {
    test(`${name}: a wrong ${kind === 'TypeError' ? 'type' : 'value'} is a ${kind}, before anything is opened`, async () => {
      let connections = 0;
      await withServer(
        () => void connections++,
        {},
        async (_server, port) => {
          for (const value of values) {
            const options = { host: HOST, port, [name]: value } as ConnectOptions;
            await assert.rejects(openConnection(options), { name: kind }, `${name}: ${String(value)}`);
          }
          await pause(5);
        },
      );
      assert.equal(connections, 0);
    });
  }
}

test('options must be an object with a port or a path, and nothing unknown', async () => {
  for (const options of [
    undefined,
    null,
    'x',
    {},
    { host: HOST },
    { path: '/x', port: 1 },
    { path: '/x', host: HOST },
    { path: '/x', localAddress: HOST },
    [],
    { port: 1, hots: 'x' },
    { path: 1 },
  ]) {
    await assert.rejects(openConnection(options as unknown as ConnectOptions), {
      name: 'TypeError',
      message: /^Cannot open connection: /,
    });
  }
  for (const path of ['', '/tmp/a\0b']) await assert.rejects(openConnection({ path }), RangeError);
});

// ---- connecting --------------------------------------------------------------------------------------------------

test('a connection knows both its ends, also after its end', async () => {
  await withServer(echo, {}, async (server, port) => {
    const connection = await openConnection({ host: HOST, port, localAddress: '127.0.0.5' });
    await until(() => server.connections.size === 1);
    const [other] = server.connections;
    assert.deepEqual(connection.peer, { address: HOST, port, family: 'IPv4' });
    assert.deepEqual(connection.local, other?.peer);
    assert.deepEqual(connection.peer, other?.local);
    assert.equal((connection.local as { address: string }).address, '127.0.0.5');
    assert.match(String(connection), new RegExp(`^<Connection \\d+ to ${HOST}:${port} `));
    await connection.close();
    assert.deepEqual(connection.peer, { address: HOST, port, family: 'IPv4' });
    assert.deepEqual(connection.writer.getExtraInfo('peername'), connection.peer);
    assert.deepEqual(connection.writer.getExtraInfo('sockname'), connection.local);
    assert.equal(connection.writer.getExtraInfo('nonsense'), undefined);
  });
});

test('host is localhost by default', async () => {
  const server = await startServer(echo, { host: 'localhost' });
  const connection = await openConnection({ port: portOf(server) });
  connection.writer.write('x\n');
  assert.equal(String(await connection.reader.readLine()), 'x\n');
  await connection.close();
  await server.shutdown();
});

test('await using closes, and limit is the reader’s', async () => {
  await withServer(echo, {}, async (server, port) => {
    {
      await using connection = await openConnection({ host: HOST, port, limit: 10 });
      assert.equal(connection.reader.limit, 10);
      connection.writer.write(`${'x'.repeat(20)}\n`);
      await assert.rejects(connection.reader.readLine(), { name: 'LimitOverrunError' });
    }
    await until(() => server.connections.size === 0);
  });
});

test('a refused connect is the system’s error', async () => {
  const server = await startServer(echo, { host: HOST });
  const port = portOf(server);
  await server.shutdown();
  await assert.rejects(openConnection({ host: HOST, port }), (error: NodeJS.ErrnoException) => {
    assert.equal(error.code, 'ECONNREFUSED');
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}`));
    return true;
  });
  using dir = temporaryFolder();
  await assert.rejects(openConnection({ path: dir.at('none') }), { code: 'ENOENT' });
});

test('a name that does not exist is ENOTFOUND', async () => {
  await assert.rejects(openConnection({ host: 'no.such.name.invalid', port: 80 }), (error: NodeJS.ErrnoException) => {
    assert.match(String(error.code), /^(ENOTFOUND|EAI_AGAIN)$/); // the latter on a machine without a resolver
    return true;
  });
});

test('AsyncLocalStorage values and the current task are the caller’s afterwards', async () => {
  const storage = new AsyncLocalStorage<string>();
  await withServer(echo, {}, async (_server, port) => {
    const task = createTask(() =>
      storage.run('mine', async () => {
        const own = currentTask();
        const connection = await openConnection({ host: HOST, port });
        connection.writer.write('x\n');
        await connection.reader.readLine();
        assert.deepEqual([storage.getStore(), currentTask()], ['mine', own]);
        await connection.close();
      }),
    );
    await task;
  });
});

// ---- cancels and timeouts ----------------------------------------------------------------------------------------

test('a connect cancelled at any step leaves nothing behind', async () => {
  using dir = temporaryFolder();
  // Servers without maitre, so that every task seen is the client's.
  const ignore = (socket: Socket): void => void socket.on('error', () => undefined).resume();
  const tcp = createServer(ignore).listen(0, HOST);
  const unix = createServer(ignore).listen(dir.at('s'));
  await until(() => tcp.listening && unix.listening);
  const { port } = tcp.address() as { port: number }; // listening on a port
  for (const options of [{ host: HOST, port }, { host: HOST, port, timeout: null }, { path: dir.at('s') }] as const) {
    const steps = await cancelAtEveryStep(() => ({
      body: async () => {
        const connection = await openConnection(options);
        connection.abort();
        await connection.writer.waitClosed();
      },
    }));
    assert.ok(steps > 5, `${steps} steps`);
  }
  for (const server of [tcp, unix]) await new Promise((resolve) => server.close(resolve));
}); // the leak check sees sockets

test('a connect whose signal aborts at any step leaves nothing behind', async () => {
  await withServer(echo, { onError: () => undefined }, async (server, port) => {
    for (const inTask of [false, true]) {
      let aborted = 0;
      for (let step = 0; step < 60; step++) {
        const controller = new AbortController();
        const work = (): Promise<Connection> => openConnection({ host: HOST, port, signal: controller.signal });
        const outcome: { connection?: Connection; error?: Error } = {};
        const settled = (inTask ? createTask(work) : work()).then(
          (connection) => (outcome.connection = connection),
          (error: unknown) => (outcome.error = error as Error), // openConnection rejects with Errors
        );
        // Microtask by microtask, also through the turn in which the connect comes.
        for (let at = 0; at < step; at++) await (at % 6 === 5 ? nextTurn() : microtasks());
        controller.abort();
        await settled;
        outcome.connection?.abort();
        if (outcome.error === undefined) continue;
        assert.equal(outcome.error.name, 'CancelledError');
        aborted++;
      }
      assert.ok(aborted > 5, `${aborted}`);
    }
    await until(() => server.connections.size === 0);
  });
  assert.equal(allTasks().size, 0);
});

test('a signal that aborts in any microtask after the connect leaves nothing behind', async () => {
  await withServer(readAll, { onError: () => undefined }, async (server, port) => {
    let aborted = 0;
    for (let count = 0; count < 20; count++) {
      const controller = new AbortController();
      const outcome = await (async () => {
        // The wait for the winner is the first `await` that ends.
        using _ = addInstrument({
          waitEnded: ({ kind }) => {
            if (kind === 'await') void microtasks(count).then(() => controller.abort());
          },
        });
        return await openConnection({ host: HOST, port, signal: controller.signal }).catch((error: Error) => error);
      })();
      if (outcome instanceof Error) aborted++;
      else outcome.abort();
      await until(() => server.connections.size === 0); // at the latest when what is left is collected, which takes longer
    }
    assert.ok(aborted > 0 && aborted < 20, `${aborted}`);
  });
});

test('a signal aborted before is CancelledError, with the reason as cause', async () => {
  const reason = new Error('no longer wanted');
  await assert.rejects(openConnection({ host: HOST, port: 1, signal: AbortSignal.abort(reason) }), {
    name: 'CancelledError',
    cause: reason,
  });
});

/** A place where connects neither succeed nor fail: a server that accepts nothing, its backlog full. */
async function withBlackHole(body: (at: { host: string; port: number }) => Promise<void>): Promise<void> {
  await using program: Program = startFixture('no-accept');
  const port = Number(await program.prints(/^(\d+)\n/));
  const at = { host: '127.0.0.9', port };
  const sockets: Socket[] = [];
  try {
    // Fill its backlog until a connect hangs.
    for (let hangs = false; !hangs;) {
      const socket = connect(at);
      socket.on('error', () => undefined);
      sockets.push(socket);
      await Promise.race([new Promise((resolve) => void socket.on('connect', resolve)), pause(100)]);
      hangs = socket.connecting;
      if (sockets.length > 20) throw new Error('the backlog is never full');
    }
    await body(at);
  } finally {
    for (const socket of sockets) socket.destroy();
    await until(() => sockets.every(({ closed }) => closed));
  }
}
const noBlackHole =
  (process.platform !== 'linux' || isBun) && 'only Linux lets connects to a full backlog hang, and Bun has no backlog';

test(
  'timeout bounds the whole connect with TimeoutError, and so do the caller’s timeout, cancel and signal',
  async () => {
    await withBlackHole(async (at) => {
      const took = await within(1000, assert.rejects(openConnection({ ...at, timeout: 50 }), { name: 'TimeoutError' }));
      assert.ok(took >= 49, `${took} ms`);
      await within(
        1000,
        assert.rejects(
          timeout(20, () => openConnection(at)),
          { name: 'TimeoutError' },
        ),
      );
      const task = createTask(() => openConnection({ ...at, timeout: null }));
      await pause(10);
      task.cancel();
      await within(
        1000,
        assert.rejects(async () => task, { name: 'CancelledError' }),
      );
      await within(
        1000,
        assert.rejects(openConnection({ ...at, signal: AbortSignal.timeout(20) }), { name: 'CancelledError' }),
      );
    });
  },
  { skip: noBlackHole },
);

// ---- several addresses -------------------------------------------------------------------------------------------

/** Runs `body` with every name standing for these addresses. */
async function withNames<T>(addresses: readonly string[], body: () => Promise<T>): Promise<T> {
  const original = dns.lookup;
  const fake = async (): Promise<unknown> =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  Object.assign(dns, { lookup: fake });
  syncBuiltinESMExports();
  try {
    return await body();
  } finally {
    Object.assign(dns, { lookup: original });
    syncBuiltinESMExports();
  }
}
const noNames = !isNode && 'only Node lets a test replace a built-in function';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '0.0.0.0');
  await until(() => server.listening);
  const { port } = server.address() as { port: number }; // listening on a port
  server.close();
  await until(() => !server.listening);
  return port;
}

test(
  'families are tried in turn, beginning with the resolver’s first',
  async () => {
    const port = await freePort();
    await withNames(['127.0.0.2', '127.0.0.3', '::1', '127.0.0.4'], () =>
      assert.rejects(openConnection({ host: 'name', port, allErrors: true }), (error: AggregateError) => {
        assert.ok(error instanceof AggregateError);
        assert.deepEqual(
          error.errors.map((each: { address?: string }) => each.address),
          ['127.0.0.2', '::1', '127.0.0.3', '127.0.0.4'],
        );
        return true;
      }),
    );
  },
  { skip: noNames },
);

test(
  'when all addresses fail, one error lists each, with the first one’s code',
  async () => {
    const port = await freePort();
    await withNames(['127.0.0.2', '127.0.0.3'], () =>
      assert.rejects(openConnection({ host: 'name', port }), (error: NodeJS.ErrnoException) => {
        assert.ok(!(error instanceof AggregateError));
        assert.equal(error.code, 'ECONNREFUSED');
        assert.match(error.message, /^Cannot connect: .*127\.0\.0\.2:\d+; .*127\.0\.0\.3:\d+$/);
        assert.match((error.cause as Error).message, /127\.0\.0\.2/);
        return true;
      }),
    );
    await withNames(['127.0.0.2'], () =>
      assert.rejects(openConnection({ host: 'name', port, allErrors: true }), AggregateError),
    );
  },
  { skip: noNames },
);

test(
  'the next address is tried as soon as one fails',
  async () => {
    await withServer(echo, {}, async (_server, port) => {
      await withNames(['127.0.0.2', '127.0.0.3', HOST], async () => {
        const opening = openConnection({ host: 'name', port, happyEyeballsDelay: 60_000 });
        await within(1000, opening);
        const connection = await opening;
        assert.deepEqual(connection.peer, { address: HOST, port, family: 'IPv4' });
        await connection.close();
      });
    });
  },
  { skip: noNames },
);

test(
  'the next address is tried beside one that has not answered for happyEyeballsDelay, and that one is dropped',
  async () => {
    await withBlackHole(async ({ host, port }) => {
      const server = await startServer(echo, { host: HOST, port });
      for (const [options, least] of [
        [{}, 250],
        [{ happyEyeballsDelay: 40 }, 40],
        [{ happyEyeballsDelay: 0 }, 0],
      ] as const) {
        await withNames([host, HOST], async () => {
          const opening = openConnection({ host: 'name', port, ...options });
          const took = await within(least + 500, opening);
          assert.ok(took >= least - 1, `${took} ms`);
          const connection = await opening;
          assert.deepEqual(connection.peer, { address: HOST, port, family: 'IPv4' });
          await connection.close();
        });
      }
      // The first one that answers wins, also when it was not the last to be tried.
      await withNames([host, '127.0.0.2', HOST], async () => {
        const connection = await openConnection({ host: 'name', port, happyEyeballsDelay: 10 });
        await connection.close();
      });
      await server.shutdown();
    });
  },
  { skip: noNames || noBlackHole },
);

test(
  'a connect to several addresses cancelled, or out of time, drops them all',
  async () => {
    await withBlackHole(async ({ host, port }) => {
      await withNames([host, host, host], async () => {
        const options = { host: 'name', port, happyEyeballsDelay: 5 };
        await assert.rejects(openConnection({ ...options, timeout: 40 }), { name: 'TimeoutError' });
        const task = createTask(() => openConnection(options));
        await sleep(30);
        task.cancel();
        await assert.rejects(async () => task, { name: 'CancelledError' });
      });
    });
  },
  { skip: noNames || noBlackHole },
);

test(
  'of two addresses that answer at once one is kept, and the other is closed',
  async () => {
    let accepted = 0;
    const server = await startServer(
      async (reader) => {
        accepted++;
        await reader.read();
      },
      { host: [HOST, '127.0.0.2'], onError: () => undefined },
    );
    for (let round = 0; round < 20; round++) {
      await withNames([HOST, '127.0.0.2'], async () => {
        const connection = await openConnection({ host: 'name', port: portOf(server), happyEyeballsDelay: 0 });
        await connection.close();
        await until(() => server.connections.size === 0);
      });
    }
    assert.ok(accepted >= 20);
    await server.shutdown();
  },
  { skip: noNames },
);

test('a server that resets at once is a failed connect, or an opened connection that is lost', async () => {
  const listening = createServer((socket) => socket.resetAndDestroy()).listen(0, HOST);
  await until(() => listening.listening);
  const { port } = listening.address() as { port: number }; // listening on a port
  for (let round = 0; round < 20; round++) {
    try {
      await using connection = await openConnection({ host: HOST, port });
      await connection.reader.read();
    } catch (error) {
      const { name, code } = error as NodeJS.ErrnoException; // both are Errors
      assert.ok(name === 'ConnectionLostError' || code === 'ECONNRESET', String(error));
    }
  }
  listening.close();
  await until(() => !listening.listening);
});
