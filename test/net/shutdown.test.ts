// Server.shutdown: bounded whatever the handlers and clients do, counted rightly, and gentle where it can be.
import assert from 'node:assert/strict';
import { connect as connectTls } from 'node:tls';
import {
  CancelledError,
  createTask,
  type ExceptionContext,
  frames,
  Future,
  type Handler,
  netstrings,
  type ServerOptions,
  setExceptionHandler,
  type ShutdownReport,
  sleep,
  startServer,
  type StreamReader,
  timeout,
} from 'maitre';
import { nextTurn, test } from '../support/test.js';
import { first } from './fixtures/certificates.js';
import {
  echo,
  HOST,
  isNode,
  pause,
  portOf,
  RawClient,
  readAll,
  until,
  withClients,
  within,
  withServer,
} from './sockets.js';

/** Milliseconds: what a machine under load may add to a bound. */
const SLACK = 600;

test('grace must be a number of milliseconds >= 0', async () => {
  await withServer(echo, {}, async (server) => {
    for (const grace of [-1, Number.NaN]) await assert.rejects(server.shutdown({ grace }), RangeError);
    for (const grace of ['1', null, {}]) {
      await assert.rejects(server.shutdown({ grace: grace as number }), TypeError, String(grace));
    }
    await assert.rejects(server.shutdown({ garce: 5 } as object), /Cannot shut down: unknown option "garce"/);
    assert.equal(server.isServing(), true); // a wrong call does nothing
  });
});

test('a server without clients, or that never listened, or that is shut down already, is down at once', async () => {
  const none = { finished: 0, cancelled: 0, aborted: 0 };
  for (const startServing of [true, false]) {
    const server = await startServer(echo, { host: HOST, startServing });
    await within(
      SLACK,
      server.shutdown().then((report) => assert.deepEqual(report, none)),
    );
    assert.deepEqual(await server.shutdown(), none);
    await server.waitClosed();
  }
});

test('idle clients read the end at once, in whatever state they are between messages', async () => {
  await withServer(echo, {}, async (server, port) => {
    await withClients(4, port, async (clients) => {
      clients[0]?.socket.write('answered\n');
      clients[1]?.socket.write('answered\nhalf a line');
      await clients[0]?.receives('answered\n');
      await clients[1]?.receives('answered\n');
      await until(() => server.connections.size === 4);
      clients[2]?.socket.end();
      const shutdown = createTask(() => server.shutdown({ grace: 3000 }));
      for (const i of [0, 2, 3]) {
        await within(SLACK, clients[i]?.end() ?? Promise.reject(new Error('no client')));
        assert.equal(clients[i]?.error, undefined);
      }
      // Half a line is owed: its rest is waited for, and answered.
      assert.equal(clients[1]?.ended, false);
      clients[1]?.socket.write(' made whole\n');
      await clients[1]?.receives('half a line made whole\n');
      await clients[1]?.end();
      for (const client of clients) client.socket.end();
      assert.deepEqual(await shutdown, { finished: 4, cancelled: 0, aborted: 0 });
    });
  });
});

test('a handler at work gets the grace, and its answer arrives', async () => {
  await withServer(
    async (reader, writer) => {
      await reader.readLine();
      await sleep(300);
      writer.write('the answer');
    },
    {},
    async (server, port) => {
      await withClients(3, port, async (clients) => {
        for (const client of clients) client.socket.write('question\n');
        await until(() => [...server.connections].filter(({ bytesRead }) => bytesRead > 0).length === 3);
        const shutdown = createTask(() => server.shutdown({ grace: 5000 }));
        for (const client of clients) {
          assert.equal(await client.end(), 'the answer');
          client.socket.end();
        }
        assert.deepEqual(await shutdown, { finished: 3, cancelled: 0, aborted: 0 });
      });
    },
  );
});

test('handlers that go on after the grace are cancelled; those that end then are counted so', async () => {
  const reasons: unknown[] = [];
  await withServer(
    async (_reader, writer) => {
      writer.write('hello');
      try {
        await sleep(Infinity);
      } catch (error) {
        reasons.push((error as CancelledError).reason);
        await sleep(50);
        writer.write(' and goodbye');
        throw error;
      }
    },
    {},
    async (server, port) => {
      await withClients(2, port, async (clients) => {
        for (const client of clients) await client.receives('hello');
        const report = createTask(() => server.shutdown({ grace: 50 }));
        for (const client of clients) {
          assert.equal(await client.end(), 'hello and goodbye');
          client.socket.end();
        }
        assert.deepEqual(await report, { finished: 0, cancelled: 2, aborted: 0 });
        assert.deepEqual(reasons, [
          { kind: 'shutdown', by: server },
          { kind: 'shutdown', by: server },
        ]);
      });
    },
  );
});

test('at a reload, handlers are cancelled after the grace with the reason reload', async () => {
  let error: unknown;
  await withServer(
    async (_reader, writer) => {
      writer.write('hello');
      await sleep(Infinity).catch((thrown: unknown) => (error = thrown));
      throw error;
    },
    {},
    async (server, port) => {
      await withClients(1, port, async ([client]) => {
        await client?.receives('hello');
        const report = createTask(() => server.shutdown({ grace: 50, reason: 'reload' }));
        await client?.end();
        client?.socket.end();
        assert.deepEqual(await report, { finished: 0, cancelled: 1, aborted: 0 });
        assert.ok(error instanceof CancelledError);
        assert.deepEqual(error.reason, { kind: 'reload', by: server });
        assert.equal(error.message, 'Cancelled: another server has replaced this one');
      });
    },
  );
});

test('handlers that swallow every cancel, or wait on foreign promises, are aborted, named, and waited for no longer', async () => {
  const contexts: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => contexts.push(context));
  let open: () => void = () => undefined;
  const foreign = new Promise<void>((resolve) => (open = resolve));
  const stubborn = new AbortController();
  const handlers: Handler[] = [
    async () => {
      while (!stubborn.signal.aborted) await sleep(20).catch(() => undefined);
    },
    async () => foreign,
    readAll,
    async () => sleep(Infinity),
    async (_reader, writer) => {
      for (;;) {
        writer.write(Buffer.alloc(1_000_000));
        await writer.drain();
      }
    },
  ];
  let next = 0;
  const server = await startServer((...args) => handlers[next++]?.(...args), { host: HOST });
  const port = portOf(server);
  await withClients(5, port, async (clients) => {
    for (const client of clients) client.socket.pause(); // nobody reads
    await until(() => server.connections.size === 5);
    const names = [...server.connections].map(({ task }) => String(task?.name));
    await within(
      1500 + 1000 + 1000 + SLACK,
      server.shutdown({ grace: 1500 }).then((report) => {
        assert.deepEqual(report, { finished: 1, cancelled: 1, aborted: 3 });
      }),
    );
    const stuck = contexts.filter(({ message }) => message.includes('did not end with the server'));
    assert.deepEqual(
      stuck.map(({ error }) => (error as Error).name),
      ['TimeoutError', 'TimeoutError'],
    );
    for (const [i, { error }] of stuck.entries())
      assert.ok((error as Error).message.includes(names[i] ?? '?'), String(error));
    assert.equal(server.connections.size, 2);
  });
  stubborn.abort();
  open();
  await server.waitClosed();
});

test('a detached connection is ended by the shutdown, after its grace', async () => {
  const server = await startServer(
    (_reader, writer, connection) => {
      connection.detach();
      writer.write('mine');
    },
    { host: HOST },
  );
  const client = new RawClient(portOf(server));
  await client.receives('mine');
  const report = createTask(() => server.shutdown({ grace: 50 }));
  assert.equal(await client.end(), 'mine');
  await client.close();
  assert.deepEqual(await report, { finished: 0, cancelled: 1, aborted: 0 });
});

test('connections whose handlers never began are closed without one', async () => {
  let begun = 0;
  await withServer(
    async (reader) => {
      begun++;
      await reader.readLine();
      await sleep(Infinity);
    },
    { concurrency: 1, maxConnections: 3 },
    async (server, port) => {
      await withClients(5, port, async (clients) => {
        for (const client of clients) client.socket.write('x\n');
        await until(() => server.connections.size === 3);
        await pause(10);
        const report = createTask(() => server.shutdown({ grace: 50 }));
        await until(() => clients.every(({ ended, closed }) => ended || closed));
        for (const client of clients) client.socket.end();
        assert.deepEqual(await report, { finished: 0, cancelled: 3, aborted: 0 });
      });
    },
  );
  assert.equal(begun, 1);
});

test('those in line when the shutdown begins are served within the grace', async () => {
  const gate = new Future<void>();
  await withServer(
    async (reader, writer) => {
      const line = await reader.readLine();
      await gate;
      writer.write(line);
    },
    { concurrency: 1 },
    async (server, port) => {
      await withClients(10, port, async (clients) => {
        for (const client of clients) client.socket.write('x\n');
        await until(() => [...server.connections].filter(({ bytesRead }) => bytesRead > 0).length === 10);
        const report = createTask(() => server.shutdown({ grace: 5000 }));
        await nextTurn();
        gate.setResult();
        for (const client of clients) {
          assert.equal(await client.end(), 'x\n');
          client.socket.end();
        }
        assert.deepEqual(await report, { finished: 10, cancelled: 0, aborted: 0 });
      });
    },
  );
});

test('a shutdown while clients send: each gets the answer to every line the server took, and a clean end', async () => {
  const taken = new Map<string, number>();
  await withServer(
    async (reader, writer, { peer }) => {
      const name = 'port' in peer ? String(peer.port) : '';
      for await (const line of reader) {
        if (!line.toString().endsWith('\n')) break;
        taken.set(name, (taken.get(name) ?? 0) + 1);
        await sleep(1);
        writer.write(line);
        await writer.drain();
      }
    },
    {},
    async (server, port) => {
      await withClients(50, port, async (clients) => {
        const names = clients.map((client) => String(client.socket.localPort));
        // One line at a time, as long as the server answers.
        const talks = clients.map(async (client) => {
          for (let round = 1; !client.ended && !client.closed; round++) {
            client.socket.write(`${round}\n`);
            await until(() => client.ended || client.closed || client.text.endsWith(`${round}\n`));
          }
          client.socket.end();
        });
        await until(() => taken.size === 50);
        await pause(50);
        const report = await within(
          3000 + SLACK,
          server.shutdown({ grace: 3000 }).then((r) => assert.equal(r.finished, 50)),
        );
        assert.ok(report < 3000);
        await Promise.all(talks);
        for (const [i, client] of clients.entries()) {
          assert.equal(client.error, undefined);
          const lines = client.text.split('\n').length - 1;
          assert.equal(lines, taken.get(names[i] ?? ''), `client ${i}`);
        }
      });
    },
  );
});

test(
  'what was sent just before the shutdown is answered',
  async () => {
    await withServer(echo, {}, async (server, port) => {
      await withClients(10, port, async (clients) => {
        for (const client of clients.slice(5)) client.socket.write('before\n');
        for (const client of clients.slice(5)) await client.receives('before\n');
        await until(() => server.connections.size === 10);
        for (const client of clients) client.socket.write('now\n'); // with the system, and unread
        const report = createTask(() => server.shutdown({ grace: 5000 }));
        for (const client of clients) {
          assert.match(await client.end(), /now\n$/);
          client.socket.end();
        }
        assert.deepEqual(await report, { finished: 10, cancelled: 0, aborted: 0 });
      });
    });
  },
  { skip: !isNode && 'only Node reads all that has come in within one turn' },
);

test('a client that sends without end and never lets the server be idle does not outlast the grace', async () => {
  await withServer(echo, { onError: () => undefined }, async (server, port) => {
    const client = await new RawClient(port).connected();
    const sending = setInterval(() => client.socket.write('more\n'), 1);
    await client.receives('more\n');
    await within(300 + 2000 + SLACK, server.shutdown({ grace: 300 }));
    clearInterval(sending);
    client.socket.destroy();
  });
});

test('a shutdown that is cancelled cancels and aborts all at once', async () => {
  const contexts: unknown[] = [];
  const ended: string[] = [];
  const handler: Handler = async (reader) => {
    try {
      await (contexts.length === 0 ? reader.read() : sleep(Infinity));
    } finally {
      ended.push('yes');
    }
  };
  await withServer(
    async (...args) => {
      contexts.push(args);
      args[1].write('hi');
      if (contexts.length === 1) await sleep(Infinity);
      await handler(...args);
    },
    {},
    async (server, port) => {
      await withClients(2, port, async (clients) => {
        for (const client of clients) await client.receives('hi');
        const task = createTask(() => server.shutdown({ grace: 60_000 }));
        await nextTurn();
        task.cancel();
        await assert.rejects(async () => task, CancelledError);
        await within(SLACK, server.waitClosed());
        await assert.rejects(
          timeout(1, () => server.shutdown()).then(() => Promise.reject(new Error('down'))),
          /down/,
        );
      });
    },
  );
  assert.deepEqual(ended, ['yes']);
});

const HALF_HELLO = Buffer.from([22, 3, 1, 1, 0, 1, 0, 0]);
const upgrade: Handler = (_reader, writer) => writer.startTls({ ...first, handshakeTimeout: 60_000 });

/** Clients that have not got as far as a handler's work: how a server comes to them, what they send, and how they are counted. */
const early: Record<string, readonly [Handler, ServerOptions, Buffer, ShutdownReport]> = {
  'in the TLS handshake are dropped at once': [echo, { tls: first }, HALF_HELLO, counted(0, 0)],
  'that have not begun the TLS handshake are dropped at once': [echo, { tls: first }, Buffer.alloc(0), counted(0, 0)],
  'parked behind TLS handshakes are dropped at once': [
    echo,
    { tls: first, maxConnections: 1 },
    HALF_HELLO,
    counted(0, 0),
  ],
  'that the balancer has said nothing of end by themselves': [
    echo,
    { proxyProtocol: true },
    Buffer.alloc(0),
    counted(3, 0),
  ],
  'in the header of the balancer are cancelled after the grace': [
    echo,
    { proxyProtocol: true },
    Buffer.from('PROXY TC'),
    counted(0, 3),
  ],
  'in startTls are cancelled after the grace': [upgrade, {}, HALF_HELLO, counted(0, 3)],
  'behind the balancer in the TLS handshake are cancelled after the grace': [
    echo,
    { proxyProtocol: true, tls: first },
    Buffer.concat([Buffer.from('PROXY UNKNOWN\r\n'), HALF_HELLO]),
    counted(0, 3),
  ],
};

function counted(finished: number, cancelled: number): ShutdownReport {
  return { finished, cancelled, aborted: 0 };
}

for (const [what, [handler, options, bytes, report]] of Object.entries(early)) {
  test(`clients ${what}, and nothing is reported`, async () => {
    const limits = { handshakeTimeout: 60_000, onError: (error: unknown) => assert.fail(String(error)) };
    await withServer(handler, { ...limits, ...options }, async (server, port) => {
      await withClients(3, port, async (clients) => {
        for (const client of clients) client.socket.write(bytes);
        await until(() => server.statistics().accepted === 3);
        await pause(50); // for what they have written
        const grace = report.finished > 0 ? 2000 : 200; // their close waits a while for the clients' own end
        await within(
          grace + SLACK,
          server.shutdown({ grace }).then((got) => assert.deepEqual(got, report)),
        );
        for (const client of clients) await client.end();
      });
    });
  });
}

test('a TLS client that does not answer close_notify is aborted: closeNotifyTimeout does not outlast the shutdown', async () => {
  await withServer(echo, { tls: first, closeNotifyTimeout: 60_000 }, async (server, port) => {
    const client = new RawClient(port);
    client.socket.removeAllListeners('data');
    const secured = connectTls({ socket: client.socket, ca: first.cert });
    secured.on('error', () => undefined);
    let answered = '';
    secured.on('data', (chunk: Buffer) => (answered += String(chunk)));
    secured.write('hi\n');
    await until(() => answered === 'hi\n');
    secured.pause(); // and so it never reads the end
    await within(
      100 + 1000 + 1000 + SLACK,
      server.shutdown({ grace: 100 }).then((got) => assert.deepEqual(got, { finished: 0, cancelled: 0, aborted: 1 })),
    );
    secured.destroy();
    client.socket.destroy();
    await until(() => client.closed);
  });
});

test('a signal ends a shutdown as a cancel does, and startServing', async () => {
  const handler: Handler = () => sleep(Infinity);
  await withServer(handler, {}, async (server, port) => {
    await withClients(2, port, async () => {
      await until(() => server.connections.size === 2);
      const shutdown = server.shutdown({ grace: 60_000, signal: AbortSignal.timeout(20) });
      await within(SLACK, assert.rejects(shutdown, CancelledError));
      await until(() => server.connections.size === 0);
    });
  });
  await withServer(handler, {}, async (server, port) => {
    await withClients(2, port, async () => {
      await until(() => server.connections.size === 2);
      await assert.rejects(server.shutdown({ signal: AbortSignal.abort() }), CancelledError); // before it began
      await until(() => server.connections.size === 0);
    });
  });
  const server = await startServer(handler, { host: HOST, startServing: false });
  await assert.rejects(server.startServing({ signal: AbortSignal.abort() }), CancelledError);
  await server.shutdown();
});

test('two shutdowns at once both end, by the shorter grace', async () => {
  const gate = new Future<void>();
  await withServer(
    async () => gate,
    {},
    async (server, port) => {
      await withClients(1, port, async (clients) => {
        await until(() => server.connections.size === 1);
        const long = createTask(() => server.shutdown({ grace: 10_000 }));
        const short = createTask(() => server.shutdown({ grace: 50 }));
        await clients[0]?.end();
        clients[0]?.socket.end();
        assert.deepEqual(await short, { finished: 0, cancelled: 1, aborted: 0 });
        assert.deepEqual(await long, { finished: 1, cancelled: 0, aborted: 0 });
      });
    },
  );
});

test('a record whose length was read is waited for, whoever spoke last', async () => {
  const kinds = {
    frames: [frames, Buffer.from([0, 0, 0, 4]), 'soup'],
    'a varint': [(reader: StreamReader) => frames(reader, { header: 'varint' }), Buffer.from([4]), 'soup'],
    netstrings: [netstrings, Buffer.from('4'), ':soup,'],
  } as const;
  for (const [name, [open, begin, rest]] of Object.entries(kinds)) {
    const records: string[] = [];
    const handler: Handler = async (reader, writer) => {
      for await (const record of open(reader)) {
        records.push(String(record));
        writer.write(`got ${String(record)}`);
      }
    };
    await withServer(handler, {}, async (server, port) => {
      await withClients(1, port, async ([client]) => {
        client?.socket.write(begin);
        await until(() => [...server.connections].some(({ bytesRead }) => bytesRead === begin.length));
        for (const { writer } of server.connections) writer.write('news, ');
        await client?.receives('news, ');
        const shutdown = createTask(() => server.shutdown({ grace: 5000 }));
        await pause(800); // longer than a client may be quiet that only might owe something
        client?.socket.write(rest);
        assert.equal(await client?.end(), 'news, got soup', name);
        client?.socket.end();
        assert.deepEqual(await shutdown, { finished: 1, cancelled: 0, aborted: 0 });
        assert.deepEqual(records, ['soup']);
      });
    });
  }
});

test('a client that has not sent a byte gets 250 ms of the shutdown for its first one', async () => {
  await withServer(echo, {}, async (server, port) => {
    await withClients(2, port, async (clients) => {
      await until(() => server.connections.size === 2);
      const began = performance.now();
      const shutdown = createTask(() => server.shutdown({ grace: 5000 }));
      await nextTurn(); // it has begun
      assert.equal(server.isServing(), false);
      clients[0]?.socket.write('just in time\n');
      await clients[0]?.receives('just in time\n');
      await within(250 + SLACK, clients[1]?.end() ?? Promise.resolve());
      const took = performance.now() - began;
      assert.ok(took >= 249, `${took}`);
      for (const client of clients) {
        await client.end();
        client.socket.end();
      }
      assert.deepEqual(await shutdown, { finished: 2, cancelled: 0, aborted: 0 });
    });
  });
});

test('a TLS client in its handshake has 250 ms of the shutdown to finish it, and is served', async () => {
  await withServer(echo, { tls: first }, async (server, port) => {
    const [late, silent] = [new RawClient(port), new RawClient(port)];
    await until(() => server.statistics().handshakes === 2);
    const down = createTask(() => server.shutdown({ grace: 5000 }));
    const closed = createTask(() => server.waitClosed());
    const secure = connectTls({ socket: late.socket, ca: first.cert, servername: 'localhost' });
    secure.write('in time\n');
    let text = '';
    secure.on('data', (data: Buffer) => (text += String(data)));
    secure.on('end', () => secure.end());
    await until(() => text === 'in time\n');
    await silent.end();
    silent.socket.end();
    assert.deepEqual(await down, { finished: 1, cancelled: 0, aborted: 0 });
    await closed;
    assert.equal(server.statistics().handshakes, 0);
  });
});

test('handshakes end at once when the server is closed, the shutdown cancelled, or no grace left', async () => {
  for (const end of ['close', 'cancel', 'no grace'] as const) {
    await withServer(echo, { tls: first }, async (server, port) => {
      const client = new RawClient(port);
      await until(() => server.statistics().handshakes === 1);
      const down = createTask(() => server.shutdown({ grace: end === 'no grace' ? 0 : 60_000 }));
      await nextTurn();
      if (end === 'close') server.close();
      if (end === 'cancel') down.cancel();
      await within(250 + SLACK, client.end());
      client.socket.end();
      await down.catch((error: unknown) => assert.ok(error instanceof CancelledError));
      await server.waitClosed();
    });
  }
});

test('connection.busy says what a shutdown would have to guess', async () => {
  const handler: Handler = async (reader, writer, connection) => {
    const line = String(await reader.readLine());
    connection.busy = line === 'busy\n';
    if (line === 'busy\n') writer.write('hello\n'); // so it looks idle
    await reader.readLine();
    writer.write('bye\n');
  };
  await withServer(handler, {}, async (server, port) => {
    await withClients(2, port, async ([busy, idle]) => {
      busy?.socket.write('busy\n');
      idle?.socket.write('idle\n'); // it spoke last: it would get 500 ms
      await busy?.receives('hello\n');
      await until(() => [...server.connections].every((connection) => connection.busy !== undefined));
      const shutdown = createTask(() => server.shutdown({ grace: 5000 }));
      await within(400, idle?.end() ?? Promise.resolve());
      await pause(800);
      assert.equal(busy?.ended, false);
      busy?.socket.write('more\n');
      assert.equal(await busy?.end(), 'hello\nbye\n');
      for (const client of [busy, idle]) client?.socket.end();
      assert.deepEqual(await shutdown, { finished: 2, cancelled: 0, aborted: 0 });
    });
  });
});

test('connection.busy: true keeps a client that looks idle through the first step, false lets one go that looks busy', async () => {
  const ends: string[] = [];
  const handler: Handler = async (reader, writer, connection) => {
    const line = String(await reader.readLine());
    if (line === 'busy\n') {
      connection.busy = true;
      writer.write('ok\n'); // the server spoke last: between messages, by its bytes
      const next = String(await reader.readLine());
      ends.push(`busy got ${JSON.stringify(next)}`);
      writer.write('done\n');
    } else {
      connection.busy = false; // it waits for news to tell, and reads nothing
      await sleep(0);
      while (!reader.atEof()) await sleep(5);
      ends.push('free');
    }
  };
  await withServer(handler, {}, async (server, port) => {
    await withClients(2, port, async ([busy, free]) => {
      busy?.socket.write('busy\n');
      free?.socket.write('free\n');
      await busy?.receives('ok\n');
      await until(() => server.statistics().bytesRead === 10);
      const ending = createTask(() => server.shutdown({ grace: 5000 }));
      await until(() => free?.ended === true);
      assert.deepEqual(ends, ['free']);
      await pause(700); // longer than what is silent may take
      assert.equal(busy?.ended, false);
      busy.socket.write('next\n');
      assert.equal(await busy.end(), 'ok\ndone\n');
      assert.deepEqual(await ending, { finished: 2, cancelled: 0, aborted: 0 });
    });
  });
  assert.deepEqual(ends, ['free', 'busy got "next\\n"']);
});
