// What holds for sockets however their bytes move. Run twice: over the handles where the runtime lets us (socket-transport),
// and over public events (event-transport).
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import {
  type Connection,
  type ConnectionLostError,
  createTask,
  type Handler,
  openConnection,
  sleep,
  startServer,
} from 'maitre';
import { allTasksBlocked, duplexChecks } from 'maitre/testing';
import { microtasks, test } from '../support/test.js';
import { first } from './fixtures/certificates.ts';
import {
  connectedPair,
  HOST,
  isBun,
  pause,
  RawClient,
  readAll,
  temporaryFolder,
  until,
  withClients,
  withServer,
} from './sockets.js';

const MIB = 1_048_576;

/** Defines the suite's tests; `path` says in their names how bytes move. */
export function testTransport(path: string): void {
  const check = (name: string, body: () => unknown): void => test(`${path}: ${name}`, body);

  // ---- conformance -----------------------------------------------------------------------------------------------

  let folders = 0;
  const onUnix = async (options: { readonly limit?: number }): Promise<[Connection, Connection]> => {
    using dir = temporaryFolder();
    return await connectedPair({ path: dir.at(String(++folders)) }, options);
  };
  const onTcp = (options: { readonly limit?: number }): Promise<[Connection, Connection]> =>
    connectedPair({ host: HOST }, options);
  const reverse = async (pair: Promise<[Connection, Connection]>): Promise<[Connection, Connection]> => {
    const [a, b] = await pair;
    return [b, a];
  };
  const pairs = {
    'TCP, client first': () => onTcp({}),
    'TCP, server first': () => reverse(onTcp({})),
    'TCP with a small limit': () => onTcp({ limit: 16 }),
    'Unix, client first': () => onUnix({}),
    'Unix, server first': () => reverse(onUnix({})),
  };
  for (const [kind, makePair] of Object.entries(pairs)) {
    for (const { name, run } of duplexChecks(makePair)) {
      const skip = isBun && /is not flooded|bufferedBytes falls/.test(name) && 'Bun moves up to 512 KiB at a time';
      test(`${path}: ${kind}: ${name}`, run, { skip });
    }
  }

  // ---- ends ------------------------------------------------------------------------------------------------------

  check('a client that sends and half-closes before reading gets its answer', async () => {
    const handler: Handler = async (reader, writer) => {
      const all = await reader.read();
      assert.ok(reader.atEof());
      writer.write(all.toString().toUpperCase());
    };
    await withServer(handler, {}, async (_server, port) => {
      const client = new RawClient(port);
      client.socket.pause();
      client.socket.end('hello');
      await pause(20);
      client.socket.resume();
      assert.equal(await client.end(), 'HELLO');
      await client.close();
      assert.equal(client.error, undefined);
    });
  });

  check('a client half-closes, and the server goes on sending for as long as it likes', async () => {
    const handler: Handler = async (reader, writer) => {
      assert.equal((await reader.read(1)).length, 0);
      for (let i = 0; i < 5; i++) {
        writer.write(`${i}`);
        await sleep(5);
      }
    };
    await withServer(handler, {}, async (_server, port) => {
      const client = new RawClient(port);
      client.socket.end();
      assert.equal(await client.end(), '01234');
      await client.close();
    });
  });

  check('a large answer is not lost to input that nobody read', async () => {
    for (const unread of [10, 100_000, 2 * MIB]) {
      const handler: Handler = async (reader, writer) => {
        await reader.read(1);
        await sleep(20); // more comes, and stays unread
        writer.write(Buffer.alloc(3 * MIB, 'a'));
      };
      await withServer(handler, {}, async (server, port) => {
        const client = await new RawClient(port).connected();
        client.socket.write(Buffer.alloc(unread, 'x'));
        await client.end();
        assert.equal(client.received.length, 3 * MIB);
        assert.equal(client.error, undefined);
        await client.close();
        await until(() => server.connections.size === 0);
      });
    }
  });

  check(
    'an answer arrives whole at clients that read slowly and keep sending, and close does not wait for them',
    async () => {
      let longest = 0;
      const handler: Handler = async (reader, writer) => {
        await reader.readLine();
        writer.write(Buffer.alloc(3 * MIB, 'a'));
        await writer.drain();
        const began = performance.now();
        writer.close();
        await writer.waitClosed();
        longest = Math.max(longest, performance.now() - began);
      };
      await withServer(handler, {}, async (server, port) => {
        await withClients(20, port, async (clients) => {
          const sending = setInterval(() => {
            for (const { socket, ended, closed } of clients) if (!ended && !closed) socket.write('more\n');
          }, 1);
          for (const { socket } of clients) {
            socket.write('go\n');
            socket.on('data', () => {
              socket.pause();
              setTimeout(() => socket.resume(), 3);
            });
          }
          await Promise.all(clients.map((client) => client.end()));
          clearInterval(sending);
          for (const { received, error } of clients) assert.deepEqual([received.length, error], [3 * MIB, undefined]);
          for (const { socket } of clients) socket.end();
          await until(() => server.connections.size === 0);
        });
      });
      assert.ok(longest < 2000, `close waited for ${longest} ms`);
    },
  );

  check('a close that waits for a peer that reads nothing is over with abort, and with the shutdown', async () => {
    const handler: Handler = async (reader, writer) => {
      await reader.readLine();
      writer.write(Buffer.alloc(100_000));
    };
    const server = await startServer(handler, { host: HOST });
    const [address] = server.addresses as { port: number }[];
    const client = new RawClient(address?.port ?? 0);
    await client.connected();
    client.socket.pause().write('go\n');
    await until(() => [...server.connections].some(({ writer }) => writer.isClosing()));
    const connection = [...server.connections][0] as Connection; // it is there, as it waits for the peer
    await connection.close();
    assert.equal(server.connections.size, 1);
    const began = performance.now();
    await server.shutdown({ grace: 50 });
    assert.ok(performance.now() - began < 2000);
    assert.equal(server.connections.size, 0);
    client.socket.destroy();
    await until(() => client.closed);
  });

  check('close does not wait for a peer that never ends', async () => {
    await withServer(
      (_reader, writer) => writer.write('bye'),
      {},
      async (server, port) => {
        const client = await new RawClient(port).connected();
        await client.end();
        await until(() => server.connections.size === 0); // the client has not ended
        assert.equal(client.closed, false);
        await client.close();
      },
    );
  });

  check('close with unread input waits for the peer only for a while', async () => {
    const handler: Handler = async (reader, writer) => {
      await reader.read(1);
      writer.write('enough');
    };
    await withServer(handler, {}, async (server, port) => {
      const client = await new RawClient(port).connected();
      client.socket.write('much more than one byte');
      assert.equal(await client.end(), 'enough');
      const began = performance.now();
      await until(() => server.connections.size === 0); // the client has not ended
      assert.ok(performance.now() - began < 1500);
      client.socket.destroy();
    });
  });

  // ---- peers that reset ------------------------------------------------------------------------------------------

  check(
    'a peer that resets mid-read: the read rejects with ConnectionLostError and the cause, here and nowhere else',
    async () => {
      const errors: unknown[] = [];
      const handler: Handler = async (reader, writer) => {
        writer.write('ready');
        await reader.readExactly(100);
      };
      await withServer(handler, { onError: (error) => errors.push(error) }, async (server, port) => {
        const client = new RawClient(port);
        client.socket.write('less');
        await client.receives('ready');
        await until(() => [...server.connections].some(({ bytesRead }) => bytesRead === 4));
        await pause(10);
        const [connection] = server.connections;
        client.reset();
        await until(() => server.connections.size === 0);
        const [error] = errors as ConnectionLostError[];
        assert.equal(errors.length, 1);
        assert.equal(error?.name, 'ConnectionLostError');
        assert.equal((error?.cause as NodeJS.ErrnoException | undefined)?.code, 'ECONNRESET');
        assert.equal(connection?.error, error?.cause);
        assert.equal(connection?.closed, true);
        await connection?.writer.waitClosed(); // does not reject
        await until(() => client.closed);
      });
    },
  );

  check('a peer that resets mid-write: drain rejects with ConnectionLostError, write never throws', async () => {
    const errors: unknown[] = [];
    let drained = 0;
    const handler: Handler = async (_reader, writer) => {
      try {
        for (;;) {
          writer.write(Buffer.alloc(MIB));
          await writer.drain();
          drained++;
        }
      } finally {
        writer.write('into the void');
        writer.write('and again');
      }
    };
    await withServer(handler, { onError: (error) => errors.push(error) }, async (server, port) => {
      const client = await new RawClient(port).connected();
      client.socket.pause();
      await until(() => [...server.connections].some(({ writer }) => writer.bufferedBytes > 0));
      await pause(10);
      client.reset();
      await until(() => server.connections.size === 0 && client.closed);
    });
    assert.deepEqual(
      errors.map((error) => (error as Error).name),
      ['ConnectionLostError'],
    );
    assert.match(
      String(((errors[0] as Error).cause as NodeJS.ErrnoException | undefined)?.code),
      /^(ECONNRESET|EPIPE)$/,
    );
    assert.ok(drained < 64);
  });

  check('a peer that resets before it is accepted, or before it is read, harms nobody', async () => {
    let handled = 0;
    const handler: Handler = async (reader, writer, connection) => {
      handled++;
      assert.ok('port' in connection.peer);
      await sleep(5);
      writer.write(await reader.readLine());
      await writer.drain();
    };
    await withServer(handler, { onError: () => undefined }, async (server, port) => {
      for (let round = 0; round < 30; round++) {
        const client = new RawClient(port);
        client.socket.on('connect', () => {
          if (round % 2 === 0) client.socket.write('x\n');
          client.reset();
        });
        await until(() => client.closed);
      }
      await until(() => server.connections.size === 0);
      const client = new RawClient(port);
      client.socket.write('still\n');
      assert.equal(await client.end(), 'still\n');
      await client.close();
    });
    assert.ok(handled > 0);
  });

  check('a peer that resets after the close harms nobody', async () => {
    await withServer(
      (_reader, writer) => writer.write('bye'),
      {},
      async (server, port) => {
        const client = await new RawClient(port).connected();
        await client.receives('bye');
        client.reset();
        await until(() => server.connections.size === 0 && client.closed);
      },
    );
  });

  // ---- users that reach below ------------------------------------------------------------------------------------

  check('a handler that feeds the end of its own reader loses that connection, and nobody else anything', async () => {
    const handler: Handler = async (reader, writer, connection) => {
      await reader.readExactly(4 * 131_072); // large reads: their buffers are handed over
      reader.feedEof();
      await writer.waitClosed();
      assert.match(String(connection.error), /the end was fed already/);
    };
    const errors: unknown[] = [];
    const options = { limit: 1 << 30, onError: (error: unknown) => errors.push(error) }; // it is never paused
    await withServer(handler, options, async (server, port) => {
      const client = await new RawClient(port).connected();
      const sending = setInterval(() => client.socket.write(Buffer.alloc(MIB)), 1);
      await until(() => client.closed).finally(() => clearInterval(sending));
      await until(() => server.connections.size === 0);
    });
    assert.deepEqual(errors, []);
  });

  check('an abort in the middle of startTls ends the connection, and startTls rejects', async () => {
    const outcomes: string[] = [];
    const handler: Handler = async (_reader, writer, connection) => {
      const starting = createTask(() => writer.startTls(first));
      await sleep(20); // the client says nothing
      connection.abort();
      outcomes.push(
        await starting.then(
          () => 'secure',
          () => 'rejected',
        ),
      );
    };
    await withServer(handler, {}, async (server, port) => {
      const client = await new RawClient(port).connected();
      await until(() => client.closed);
      await until(() => server.connections.size === 0);
    });
    assert.deepEqual(outcomes, ['rejected']);
  });

  check('an abort ends a connection whose socket was asked for, over Unix sockets too', async () => {
    using dir = temporaryFolder();
    for (const where of [{ host: HOST }, { path: dir.at('asked') }]) {
      const [a, b] = await connectedPair(where, {});
      for (const end of [a, b]) assert.ok(end.writer.getExtraInfo('socket'));
      a.abort();
      await a.writer.waitClosed();
      b.abort();
      await b.writer.waitClosed();
      assert.deepEqual([a.closed, b.closed], [true, true]);
    }
  });

  check('an error given to the socket that was asked for is the connection’s', async () => {
    const [a, b] = await connectedPair({ host: HOST }, {});
    const read = a.reader.read(1);
    (a.writer.getExtraInfo('socket') as Socket).destroy(new Error('mine'));
    await assert.rejects(read, { name: 'ConnectionLostError' });
    assert.match(String(a.error), /mine/);
    b.abort();
    await b.writer.waitClosed();
  });

  // ---- peers that do nothing ---------------------------------------------------------------------------------------

  check('a peer that sends nothing keeps its handler waiting, and nobody else', async () => {
    await withServer(readAll, {}, async (server, port) => {
      await withClients(10, port, async () => {
        await until(() => server.connections.size === 10);
        await allTasksBlocked();
        assert.equal(server.connections.size, 10);
      });
      await until(() => server.connections.size === 0);
    });
  });

  check('a peer that never reads makes drain wait', async () => {
    const drains: true[] = [];
    const handler: Handler = async (_reader, writer) => {
      for (;;) {
        writer.write(Buffer.alloc(MIB));
        await writer.drain();
        drains.push(true);
      }
    };
    await withServer(handler, { onError: () => undefined }, async (server, port) => {
      const client = await new RawClient(port).connected();
      client.socket.pause();
      // Until nothing has been drained for a while.
      await until(() => drains.length > 0);
      for (let before = 0; before < drains.length; await pause(50)) before = drains.length;
      const [connection] = server.connections;
      assert.ok((connection?.writer.bufferedBytes ?? 0) > 0);
      assert.equal(String(connection?.task).includes('waits for drain'), true, String(connection?.task));
      client.socket.destroy();
    });
  });

  check('without drain, maxBuffered aborts the connection and reports it, once, and no other', async () => {
    const errors: unknown[] = [];
    const ended: string[] = [];
    const handler: Handler = async (reader, writer) => {
      const line = await reader.readLine();
      if (String(line) === 'greedy\n') {
        while (!writer.isClosing()) {
          writer.write(Buffer.alloc(MIB));
          await sleep(0);
        }
        await writer.waitClosed();
        ended.push('greedy');
        return;
      }
      writer.write(line);
    };
    await withServer(
      handler,
      {
        maxBuffered: 2 * MIB,
        onError: (error, connection) => {
          errors.push(error);
          assert.match(String(connection), /^<Connection \d+ from /);
        },
      },
      async (server, port) => {
        await withClients(2, port, async ([greedy, modest]) => {
          greedy?.socket.pause();
          greedy?.socket.write('greedy\n');
          await until(() => errors.length > 0);
          modest?.socket.write('modest\n');
          assert.equal(await modest?.end(), 'modest\n');
          modest?.socket.end();
          await until(() => server.connections.size === 0);
        });
      },
    );
    assert.equal(errors.length, 1);
    assert.equal((errors[0] as Error).name, 'ConnectionLostError');
    assert.match((errors[0] as Error).message, /maxBuffered is 2097152; await drain\(\)/);
    assert.deepEqual(ended, ['greedy']);
  });

  check('a line longer than the limit is LimitOverrunError for its client, and bounds what is held', async () => {
    const errors: unknown[] = [];
    let most = 0;
    const handler: Handler = async (reader, writer) => {
      for (;;) {
        const line = await reader.readLine();
        if (line.length === 0) return;
        most = Math.max(most, line.length, reader.bufferedBytes);
        writer.write(line);
      }
    };
    await withServer(handler, { limit: 1000, onError: (error) => errors.push(error) }, async (_server, port) => {
      await withClients(2, port, async ([long, short]) => {
        long?.socket.write('x'.repeat(MIB));
        await long?.end();
        short?.socket.write('short\n');
        await short?.receives('short\n');
      });
    });
    assert.deepEqual(
      errors.map((error) => (error as Error).name),
      ['LimitOverrunError'],
    );
    assert.ok(most <= 1000);
  });

  check('a reader that does not read holds a bounded number of bytes', async () => {
    let connection: Connection | undefined;
    const handler: Handler = async (_reader, _writer, own) => {
      connection = own;
      await sleep(Infinity);
    };
    await withServer(handler, { limit: 1000 }, async (_server, port) => {
      const client = await new RawClient(port).connected();
      client.socket.write(Buffer.alloc(8 * MIB));
      await until(() => (connection?.bytesRead ?? 0) > 0);
      await pause(50);
      assert.ok((connection?.reader.bufferedBytes ?? 0) <= 2 * 1000 + 262_144, String(connection?.reader));
      client.socket.destroy();
    });
  });

  // ---- counting ----------------------------------------------------------------------------------------------------

  check('bytesRead, bytesWritten, openedAt and error tell of a connection during and after it', async () => {
    const before = Date.now();
    let connection: Connection | undefined;
    const handler: Handler = async (reader, writer, own) => {
      connection = own;
      await reader.readLine();
      writer.write('ä');
      writer.write(Buffer.alloc(8));
    };
    await withServer(handler, {}, async (server, port) => {
      const client = new RawClient(port);
      client.socket.write('hello\n');
      await client.end();
      await client.close();
      await until(() => server.connections.size === 0);
    });
    assert.deepEqual([connection?.bytesRead, connection?.bytesWritten], [6, 10]);
    assert.ok((connection?.openedAt ?? 0) >= before && (connection?.openedAt ?? 0) <= Date.now());
    assert.deepEqual([connection?.error, connection?.closed], [undefined, true]);
  });

  check('writes of one turn arrive in order, whatever their number, kind and length', async () => {
    const expected: string[] = [];
    const handler: Handler = async (_reader, writer) => {
      for (let i = 0; i < 2000; i++) {
        const text = `${i} ${'ü'.repeat(i % 97)}|`;
        expected.push(text);
        writer.write(i % 3 === 0 ? text : Buffer.from(text));
        if (i % 500 === 499) await sleep(0);
      }
      const big = 'z'.repeat(200_000);
      expected.push(big, big);
      writer.writelines([big, Buffer.from(big)]);
      await writer.drain();
    };
    await withServer(handler, {}, async (_server, port) => {
      const client = new RawClient(port);
      assert.equal((await client.end()) === expected.join(''), true);
      await client.close();
    });
  });

  check('an abort sends a reset, whether much is unsent or nothing', async () => {
    for (const bytes of [0, 10, 8 * MIB]) {
      const handler: Handler = async (_reader, writer, connection) => {
        writer.write(Buffer.alloc(bytes));
        await sleep(5);
        connection.abort();
        await writer.waitClosed();
      };
      await withServer(handler, {}, async (server, port) => {
        const client = await new RawClient(port).connected();
        await client.end();
        await client.close();
        assert.ok(client.received.length <= bytes);
        await until(() => server.connections.size === 0);
      });
    }
  });

  const moments: Record<string, () => unknown> = {
    'in the same turn': () => undefined,
    'some microtasks later': () => microtasks(5),
    'on the next tick': () => new Promise<void>((resolve) => process.nextTick(resolve)),
    'some microtasks after the next tick': async () => {
      await new Promise<void>((resolve) => process.nextTick(resolve));
      await microtasks(5);
    },
    'in the next turn': () => sleep(0),
  };
  for (const [when, moment] of Object.entries(moments)) {
    check(`an abort behind an end, ${when}, leaves nothing open`, async () => {
      for (const end of ['writeEof', 'close'] as const) {
        const handler: Handler = async (reader, writer) => {
          await reader.read(1);
          writer.write('bye');
          writer[end]();
          await moment();
          writer.abort();
        };
        await withServer(handler, {}, async (server, port) => {
          const client = await new RawClient(port).connected();
          client.socket.write('xx'); // one byte stays unread: a close waits for the client
          await until(() => client.ended || client.closed);
          await until(() => server.connections.size === 0);
          client.socket.destroy();
        });
      }
    });
  }

  check('connections stay usable side by side: many clients, much data', async () => {
    const server = await startServer(
      async (reader, writer) => {
        for (;;) {
          const data = await reader.read(65_536);
          if (data.length === 0) return;
          writer.write(data);
          await writer.drain();
        }
      },
      { host: HOST },
    );
    const [address] = server.addresses as { port: number }[];
    const clients = Array.from({ length: 20 }, (_, i) =>
      createTask(async () => {
        const { reader, writer } = await openConnection({ host: HOST, port: address?.port ?? 0 });
        const sent = Buffer.alloc(300_000, `client ${i} says `);
        const sender = createTask(async () => {
          for (let at = 0; at < sent.length; at += 7001) {
            writer.write(sent.subarray(at, at + 7001));
            await writer.drain();
          }
          writer.writeEof();
        });
        const got = await reader.read();
        await sender;
        assert.ok(got.equals(sent));
        writer.close();
        await writer.waitClosed();
      }),
    );
    for (const client of clients) await client;
    await server.shutdown();
  });
}
