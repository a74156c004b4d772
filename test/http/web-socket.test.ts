import assert from 'node:assert/strict';
import { constants, deflateRawSync } from 'node:zlib';
import {
  CancelledError,
  ConnectionLostError,
  createTask,
  Future,
  InvalidStateError,
  setExceptionHandler,
  sleep,
  type Task,
  TimeoutError,
} from 'maitre';
import { type WebSocket, type WebSocketHandler } from 'maitre/http';
import { Resource, waitsOf } from 'maitre/lowlevel';
import { isBun, until } from '../net/sockets.js';
import { test } from '../support/test.js';
import { frameOf, RawWsClient, withHandler, WsClient } from './web-sockets.js';

const echo: WebSocketHandler = async (socket) => {
  for await (const message of socket) await socket.send(message);
};

/** A handler that hands its socket out and waits until it is told to end. */
function held(): { socket: Future<WebSocket>; end: Future<void>; handler: WebSocketHandler } {
  const socket = new Future<WebSocket>();
  const end = new Future<void>();
  return {
    socket,
    end,
    handler: async (own) => {
      socket.setResult(own);
      await end;
    },
  };
}

test('text comes as a string and binary as a Buffer, and both go back as they came', async () => {
  const kinds: string[] = [];
  await withHandler(
    async (socket) => {
      for await (const message of socket) {
        kinds.push(Buffer.isBuffer(message) ? 'binary' : typeof message);
        await socket.send(message);
      }
    },
    {},
    async ({ url }) => {
      const client = await WsClient.open(url);
      const long = 'ü'.repeat(70_000);
      for (const data of ['soup', '', long, Buffer.from([1, 2, 3]), Buffer.alloc(70_000, 7)]) client.ws.send(data);
      assert.deepEqual(await client.receives(5), ['soup', '', long, Buffer.from([1, 2, 3]), Buffer.alloc(70_000, 7)]);
      assert.deepEqual(kinds, ['string', 'string', 'string', 'binary', 'binary']);
      client.ws.close();
      assert.equal(await client.closes(), 1005);
    },
  );
});

test('the end of the handler closes with 1000, a throw with 1011 and a report, a cancel with 1001', async () => {
  const reported: unknown[] = [];
  const failed = new Error('the oven is cold');
  let task: Task<unknown> | undefined;
  const ways: Readonly<Record<string, WebSocketHandler>> = {
    1000: () => undefined,
    1011: () => {
      throw failed;
    },
    1001: async (socket) => {
      task = socket.task as Task<unknown>;
      await sleep(Infinity);
    },
  };
  for (const [code, handler] of Object.entries(ways)) {
    await withHandler(handler, { onError: (error) => reported.push(error) }, async ({ url }) => {
      const client = await WsClient.open(url);
      await until(() => code !== '1001' || task !== undefined, 'the handler to begin');
      task?.cancel();
      assert.equal(await client.closes(), Number(code));
    });
  }
  assert.deepEqual(reported, [failed]);
  assert.ok(task?.cancelled());
});

test('without onError, what the handler throws goes to the exception handler, with its task', async () => {
  const reports: { message: string; error: unknown; task?: { name: string } }[] = [];
  using _ = setExceptionHandler((context) => void reports.push(context));
  await withHandler(
    () => Promise.reject(new Error('no')),
    { name: 'board' },
    async ({ url }) => {
      await (await WsClient.open(`${url}/board?x=1`)).closes();
    },
  );
  assert.equal(reports.length, 1);
  assert.match(reports[0]?.message ?? '', /^The handler of websocket "board" \d+ from 127\.0\.0\.1:\d+ failed$/);
  assert.equal(reports[0]?.task?.name, 'GET /board?x=1');
});

test("the client's close ends iteration after what it had sent; receive and send reject with ConnectionLostError", async () => {
  const seen = new Future<unknown[]>();
  await withHandler(
    async (socket) => {
      const messages: unknown[] = [];
      await until(() => socket.closed, 'the close to come');
      for await (const message of socket) messages.push(message);
      messages.push(socket.closeCode, socket.closeReason);
      for (const call of [() => socket.receive(), () => socket.send('late')]) {
        const error = await call().catch((thrown: unknown) => thrown);
        assert.ok(error instanceof ConnectionLostError);
        messages.push(error.message.replace(/\d+ from [\d.:]+/, 'N'));
      }
      seen.setResult(messages);
    },
    { leaveGrace: 10_000 },
    async ({ url }) => {
      const client = await WsClient.open(url);
      client.ws.send('soup');
      client.ws.send('fish');
      client.ws.close(4001, 'full');
      const because = 'websocket N was closed by the client, code 4001 "full"';
      assert.deepEqual(await seen, ['soup', 'fish', 4001, 'full', because, because]);
      assert.equal(await client.closes(), 4001);
    },
  );
});

test('a lost client is an error of iteration, with that of the system as its cause, or an end if asked', async () => {
  for (const whenLost of ['throw', 'end'] as const) {
    const outcome = new Future<unknown>();
    await withHandler(
      async (socket) => {
        try {
          for await (const _ of socket);
          outcome.setResult('ended');
        } catch (error) {
          outcome.setResult(error);
          throw error; // passes through the handler, and is reported to nobody
        }
      },
      { whenLost },
      async ({ port }) => {
        using client = await RawWsClient.open(port);
        client.frame(1, 'soup');
        client.socket.resetAndDestroy();
        const error = await outcome;
        if (whenLost === 'end') assert.equal(error, 'ended');
        else {
          assert.ok(error instanceof ConnectionLostError);
          assert.match(error.message, /^websocket \d+ from 127\.0\.0\.1:\d+ was lost: it ended without a close$/);
        }
      },
    );
  }
});

test('send waits for a slow client: what is unsent stays bounded at 1,000 messages a second and more', async () => {
  const { socket: opened, end, handler } = held();
  await withHandler(handler, { sendBuffer: 10_000 }, async ({ port }) => {
    using client = await RawWsClient.open(port);
    const socket = await opened;
    const message = Buffer.alloc(1000, 1);
    let most = 0;
    const sender = createTask(async () => {
      for (let i = 0; i < 12_000; i++) {
        await socket.send(message);
        most = Math.max(most, socket.statistics().unsent);
      }
    });
    // The buffers of the kernel fill, and then the sender stands still.
    let before = -1;
    await until(() => {
      const { sent, waiting } = socket.statistics();
      const isStill = waiting === 1 && sent === before;
      before = sent;
      return isStill;
    }, 'the sender to wait');
    assert.ok(socket.statistics().sent < 12_000);
    assert.equal(waitsOf(sender)[0]?.kind, 'socket.send');
    assert.equal(waitsOf(sender)[0]?.resource, socket);
    client.socket.resume();
    await sender;
    assert.ok(most <= 10_000 + 2 * 1100, `${most} bytes were unsent`);
    assert.equal(socket.statistics().sent, 12_000);
    end.setResult();
    await client.closes();
  });
});

test('messages of many senders leave in the order of the calls, and a cancelled one does not leave', async () => {
  const { socket: opened, end, handler } = held();
  await withHandler(handler, { sendBuffer: 1 }, async ({ url }) => {
    const client = await WsClient.open(url);
    const socket = await opened;
    client.ws.pause();
    const filler = Buffer.alloc(8_000_000);
    await socket.send(filler);
    const senders = Array.from({ length: 100 }, (_, i) => createTask(() => socket.send(`m${i}`), { eager: true }));
    assert.equal(socket.statistics().waiting, 100);
    const cancelled = senders.filter((_, i) => i % 3 === 0);
    for (const each of cancelled) each.cancel();
    client.ws.resume();
    await Promise.allSettled(senders);
    assert.ok(cancelled.every((each) => each.cancelled()));
    const messages = await client.receives(1 + 66);
    const left = Array.from({ length: 100 }, (_, i) => `m${i}`).filter((_, i) => i % 3 !== 0);
    assert.deepEqual(messages.slice(1), left);
    end.setResult();
    await client.closes();
    assert.equal(client.messages.length, 67);
  });
});

test('a sender that was answered and then cancelled hands its room on, at every step of the way', async () => {
  const { socket: opened, end, handler } = held();
  await withHandler(handler, { sendBuffer: 1 }, async ({ url }) => {
    const client = await WsClient.open(url);
    const socket = await opened;
    let expected = 0;
    for (let steps = 0; steps < 12; steps++) {
      client.ws.pause();
      await socket.send(Buffer.alloc(8_000_000));
      const [first, second] = [0, 1].map((i) => createTask(() => socket.send(`${i}`), { eager: true })) as [
        Task<unknown>,
        Task<unknown>,
      ];
      client.ws.resume();
      await until(() => socket.statistics().waiting < 2, 'the first to be answered');
      for (let i = 0; i < steps; i++) await Promise.resolve();
      first.cancel();
      await second;
      await first.catch(() => undefined);
      expected += first.cancelled() ? 2 : 3;
      await client.receives(expected);
    }
    assert.equal(socket.statistics().sent, expected);
    end.setResult();
    await client.closes();
  });
});

test('a handler that does not read makes its client wait: the inbox is bounded, and nothing is lost', async () => {
  const { socket: opened, end, handler } = held();
  await withHandler(handler, { receiveBuffer: 10_000 }, async ({ url }) => {
    const client = await WsClient.open(url);
    const socket = await opened;
    const count = 20_000;
    for (let i = 0; i < count; i++) client.ws.send(String(i).padEnd(1000, '.'));
    await until(() => socket.statistics().paused, 'the socket to stop reading');
    let before = -1;
    await until(() => {
      const isStill = client.ws.bufferedAmount > 0 && client.ws.bufferedAmount === before;
      before = client.ws.bufferedAmount;
      return isStill;
    }, 'the client to have to wait');
    // One read of the system is at most 64 KiB.
    assert.ok(socket.statistics().queued < 10 + 2 * 66, `${socket.statistics().queued} are queued`);
    let next = 0;
    for await (const message of socket) {
      assert.equal(Number.parseInt(String(message)), next++);
      if (next === count) break;
    }
    assert.equal(socket.statistics().paused, false);
    assert.equal(socket.statistics().bytesReceived, count * 1000);
    end.setResult();
    await client.closes();
  });
});

test('empty messages count in the inbox too', async () => {
  const { socket: opened, end, handler } = held();
  await withHandler(handler, { receiveBuffer: 640, closeTimeout: 20 }, async ({ port }) => {
    using client = await RawWsClient.open(port);
    const socket = await opened;
    for (let i = 0; i < 10; i++) client.frame(1);
    await until(() => socket.statistics().paused, 'the socket to stop reading');
    end.setResult();
    await client.closes();
  });
});

test('a receive that is cancelled loses no message, whether it was answered or not', async () => {
  const { socket: opened, end, handler } = held();
  await withHandler(handler, {}, async ({ url }) => {
    const client = await WsClient.open(url);
    const socket = await opened;
    const first = createTask(() => socket.receive(), { eager: true });
    assert.equal(waitsOf(first)[0]?.kind, 'socket.receive');
    const second = createTask(() => socket.receive(), { eager: true });
    client.ws.send('a');
    client.ws.send('b');
    await until(() => socket.statistics().received > 0, 'a message');
    first.cancel();
    const got: unknown[] = first.cancelled() ? [] : [await first.catch(() => undefined)];
    got.push(await second);
    if (got.filter((each) => each !== undefined).length < 2) got.push(await socket.receive());
    assert.deepEqual(
      got.filter((each) => each !== undefined),
      ['a', 'b'],
    );
    end.setResult();
    await client.closes();
  });
});

test('leaving the loop does not close, and another loop goes on with the next message', async () => {
  await withHandler(
    async (socket) => {
      for await (const message of socket) {
        await socket.send(`1: ${message}`);
        break;
      }
      for await (const message of socket) await socket.send(`2: ${message}`);
    },
    {},
    async ({ url }) => {
      const client = await WsClient.open(url);
      for (const each of ['a', 'b', 'c']) client.ws.send(each);
      assert.deepEqual(await client.receives(3), ['1: a', '2: b', '2: c']);
      client.ws.close();
      await client.closes();
    },
  );
});

test('close() sends its code and reason, ends iterations, rejects what waits, and waits until all is gone', async () => {
  const { socket: opened, end, handler } = held();
  await withHandler(handler, {}, async ({ url }) => {
    const client = await WsClient.open(url);
    const socket = await opened;
    const receiver = assert.rejects(socket.receive(), InvalidStateError);
    const reader = createTask(async () => {
      for await (const _ of socket);
      return 'ended';
    });
    await sleep(0);
    await socket.send('last');
    await socket.close(4000, 'we close');
    assert.equal(await client.closes(), 4000);
    assert.equal(client.reason, 'we close');
    assert.deepEqual(client.messages, ['last']);
    assert.equal(await reader, 'ended');
    await receiver;
    await assert.rejects(socket.send('late'), InvalidStateError);
    await assert.rejects(socket.receive(), InvalidStateError);
    assert.deepEqual([socket.closeCode, socket.closeReason], [4000, 'we close']);
    await socket.close(1000, 'again'); // idempotent
    assert.equal(socket.closeCode, 4000);
    assert.match(String(socket), /^<Websocket \d+ from 127\.0\.0\.1:\d+ closed, code 4000>$/);
    end.setResult();
  });
});

test('close() refuses codes and reasons that the protocol does not allow', async () => {
  const { socket: opened, end, handler } = held();
  await withHandler(handler, {}, async ({ url }) => {
    const client = await WsClient.open(url);
    const socket = await opened;
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5]) {
      await assert.rejects(socket.close(code), { name: 'RangeError', message: /code must be/ });
    }
    await assert.rejects(socket.close('1000' as unknown as number), TypeError);
    await assert.rejects(socket.close(1000, 'ü'.repeat(62)), RangeError);
    await assert.rejects(socket.close(1000, 7 as unknown as string), TypeError);
    await assert.rejects(socket.send(7 as unknown as string), { name: 'TypeError', message: /data must be/ });
    assert.equal(socket.closed, false);
    end.setResult();
    await client.closes();
  });
});

test('a client that does not answer the close is cut after closeTimeout, also one that reads nothing', async () => {
  const { socket: opened, end, handler } = held();
  await withHandler(handler, { closeTimeout: 20, sendBuffer: 1e9 }, async ({ port }) => {
    for (const unsent of [0, 8_000_000]) {
      using client = await RawWsClient.open(port);
      const socket = opened.done() ? undefined : await opened;
      if (socket === undefined) break;
      if (unsent > 0) await socket.send(Buffer.alloc(unsent));
      await socket.close();
      assert.equal(socket.statistics().unsent, 0);
      await client.closes();
    }
    end.setResult();
  });
  const second = held();
  await withHandler(second.handler, { closeTimeout: 20, sendBuffer: 1e9 }, async ({ port }) => {
    using client = await RawWsClient.open(port);
    const socket = await second.socket;
    await socket.send(Buffer.alloc(8_000_000));
    await socket.close();
    second.end.setResult();
    await client.closes();
  });
});

test('abort() cuts the connection at once', async () => {
  const { socket: opened, end, handler } = held();
  await withHandler(handler, {}, async ({ url }) => {
    const client = await WsClient.open(url);
    const socket = await opened;
    socket.abort();
    assert.equal(await client.closes(), 1006);
    await socket.waitClosed();
    await assert.rejects(socket.receive(), { name: 'InvalidStateError', message: /was aborted$/ });
    end.setResult();
  });
});

test('frames against the rules end it with their code, and are an error of iteration', async () => {
  const violations: readonly [string, number, (client: RawWsClient) => unknown][] = [
    ['too long', 1009, (client) => client.frame(2, Buffer.alloc(101))],
    [
      'too long in parts',
      1009,
      (client) => [client.frame(2, Buffer.alloc(60), false), client.frame(0, Buffer.alloc(60))],
    ],
    ['no UTF-8', 1007, (client) => client.frame(1, Buffer.from([0xff, 0xfe]))],
    ['no opcode', 1002, (client) => client.frame(5, 'x')],
    ['garbage', 1002, (client) => client.socket.write('GET / HTTP/1.1\r\n\r\n')],
    ['not masked', 1002, (client) => client.socket.write(Buffer.from([0x81, 1, 65]))],
  ];
  for (const [what, code, violate] of violations) {
    const outcome = new Future<unknown>();
    const reported: unknown[] = [];
    await withHandler(
      async (socket) => {
        try {
          for await (const _ of socket);
          outcome.setResult('ended');
        } catch (error) {
          outcome.setResult(error);
          throw error;
        }
      },
      { maxMessage: 100, closeTimeout: 50, onError: (error) => reported.push(error) },
      async ({ port }) => {
        using client = await RawWsClient.open(port);
        violate(client);
        const error = await outcome;
        assert.ok(error instanceof ConnectionLostError, what);
        // Bun has a ws of its own, which reports the error before it closes.
        assert.match(error.message, new RegExp(`broke the protocol, code ${isBun ? 1006 : code}: `), what);
        assert.ok(error.cause instanceof Error, what);
        await client.closes();
        assert.deepEqual([...client.received.subarray(0, 4)], [0x88, 2, code >> 8, code & 255], what);
      },
    );
    assert.deepEqual(reported, [], what);
  }
});

test('a handler that never receives is cancelled when its client leaves', async () => {
  for (const leave of [(client: WsClient) => client.ws.close(), (client: WsClient) => client.ws.terminate()]) {
    const ended = new Future<unknown>();
    const began = new Future<void>();
    await withHandler(
      async () => {
        began.setResult();
        await sleep(Infinity).catch((error: unknown) => {
          ended.setResult(error);
          throw error;
        });
      },
      {},
      async ({ url }) => {
        const client = await WsClient.open(url);
        await began;
        leave(client);
        const error = await ended;
        assert.ok(error instanceof CancelledError);
        assert.match(error.message, /^Cancelled: the client of websocket \d+ from [\d.:]+ has left, code 100[56]$/);
      },
    );
  }
});

test('a handler that receives has leaveGrace to end, and is cancelled then', async () => {
  const ended = new Future<unknown>();
  await withHandler(
    async (socket) => {
      for await (const _ of socket);
      await sleep(Infinity).catch((error: unknown) => {
        ended.setResult(error);
        throw error;
      });
    },
    { leaveGrace: 10 },
    async ({ url }) => {
      const client = await WsClient.open(url);
      client.ws.close();
      assert.ok((await ended) instanceof CancelledError);
    },
  );
  // Without the option, it has time enough for a clean-up.
  const cleaned = new Future<string>();
  await withHandler(
    async (socket) => {
      for await (const _ of socket);
      await sleep(20);
      cleaned.setResult('clean');
    },
    {},
    async ({ url }) => {
      (await WsClient.open(url)).ws.close();
      assert.equal(await cleaned, 'clean');
    },
  );
});

test('a send that waits rejects when the client leaves, before the handler is cancelled', async () => {
  for (const leave of [
    (client: RawWsClient) => client.socket.resetAndDestroy(),
    (client: RawWsClient) => client.frame(8),
  ]) {
    const outcome = new Future<unknown>();
    await withHandler(
      async (socket) => {
        try {
          for (;;) await socket.send(Buffer.alloc(100_000));
        } catch (error) {
          await sleep(5); // it noticed, so it may clean up
          outcome.setResult(error);
        }
      },
      {},
      async ({ port }) => {
        using client = await RawWsClient.open(port);
        await until(
          () =>
            [...Resource.live].some(
              (each) => each.kind === 'websocket' && (each as WebSocket).statistics().waiting === 1,
            ),
          'the send to wait',
        );
        leave(client);
        assert.ok((await outcome) instanceof ConnectionLostError);
        client.socket.destroy();
      },
    );
  }
});

test('a silent client gets pings; one that answers stays, one that does not is lost', async () => {
  const { socket: opened, end, handler } = held();
  await withHandler(handler, { heartbeat: 5, heartbeatTimeout: 2000 }, async ({ url }) => {
    const client = await WsClient.open(url);
    await until(() => client.pings >= 3, 'pings');
    assert.equal((await opened).closed, false);
    end.setResult();
    await client.closes();
  });

  const outcome = new Future<unknown>();
  await withHandler(
    async (socket) => {
      await socket.receive().catch((error: unknown) => outcome.setResult(error));
    },
    { heartbeat: 5, heartbeatTimeout: 20 },
    async ({ port }) => {
      using client = await RawWsClient.open(port); // reads nothing, and answers nothing
      const error = await outcome;
      assert.ok(error instanceof ConnectionLostError);
      assert.match(error.message, /was lost: it did not answer a ping for 20 ms$/);
      assert.ok(error.cause instanceof TimeoutError);
      await client.closes();
    },
  );
});

test('a socket that does not read, because its handler has enough, does not count as silent', async () => {
  const { socket: opened, end, handler } = held();
  await withHandler(handler, { heartbeat: 5, heartbeatTimeout: 10, receiveBuffer: 100 }, async ({ url }) => {
    const client = await WsClient.open(url);
    const socket = await opened;
    client.ws.send('x'.repeat(100));
    await until(() => socket.statistics().paused, 'the socket to stop reading');
    await sleep(100); // several times heartbeat and heartbeatTimeout
    assert.equal(socket.closed, false);
    assert.equal(await socket.receive(), 'x'.repeat(100));
    end.setResult();
    assert.equal(await client.closes(), 1000);
  });
});

test('a client that leaves while its socket does not read is found by a ping', async () => {
  for (const leave of [
    (client: RawWsClient) => client.socket.resetAndDestroy(),
    (client: RawWsClient) => client.socket.destroy(),
  ]) {
    const { socket: opened, handler } = held();
    const ended = new Future<unknown>();
    await withHandler(
      async (socket, request) => {
        try {
          await handler(socket, request);
        } catch (error) {
          ended.setResult(error);
          throw error;
        }
      },
      { heartbeat: 5, receiveBuffer: 100 },
      async ({ port }) => {
        using client = await RawWsClient.open(port);
        const socket = await opened;
        client.frame(1, 'x'.repeat(100));
        await until(() => socket.statistics().paused, 'the socket to stop reading');
        leave(client);
        assert.ok((await ended) instanceof CancelledError);
      },
    );
  }
});

test('an idle connection is closed with 1001, and its handler gets a ConnectionLostError', async () => {
  const outcome = new Future<unknown>();
  await withHandler(
    async (socket) => {
      try {
        for await (const message of socket) await socket.send(message);
      } catch (error) {
        outcome.setResult(error);
      }
    },
    { idleTimeout: 100 },
    async ({ url }) => {
      const client = await WsClient.open(url);
      client.ws.send('soup');
      await client.receives(1);
      const error = await outcome;
      assert.ok(error instanceof ConnectionLostError);
      assert.match(error.message, /was closed by the server, code 1001: no message for 100 ms$/);
      assert.ok(error.cause instanceof TimeoutError);
      assert.equal(await client.closes(), 1001);
    },
  );
});

test('pings of the client are answered; a flood of them to a client that reads nothing is answered once', async () => {
  const { socket: opened, end, handler } = held();
  await withHandler(handler, { sendBuffer: 1000, closeTimeout: 50 }, async ({ port, url }) => {
    const client = await WsClient.open(url);
    let pong: string | undefined;
    client.ws.on('pong', (data) => (pong = String(data)));
    client.ws.ping('are you there');
    await until(() => pong === 'are you there', 'the pong');
    const socket = await opened;
    end.setResult();
    await client.closes();
    void [port, socket];
  });

  const flooded = held();
  await withHandler(flooded.handler, { sendBuffer: 1000, closeTimeout: 50 }, async ({ port }) => {
    using client = await RawWsClient.open(port);
    const socket = await flooded.socket;
    await socket.send(Buffer.alloc(8_000_000)); // more than the kernel takes
    for (let i = 0; i < 5000; i++) client.frame(9, Buffer.alloc(125, i & 255));
    client.frame(1, 'after the flood');
    assert.equal(await socket.receive(), 'after the flood');
    assert.ok(socket.statistics().unsent < 8_000_100, `${socket.statistics().unsent} bytes are unsent`);
    flooded.end.setResult();
    await client.closes();
  });
});

test('a shutdown cancels the handler, which closes with 1001', async () => {
  const outcome = new Future<unknown>();
  const began = new Future<void>();
  await withHandler(
    async (socket) => {
      began.setResult();
      try {
        for await (const _ of socket);
      } catch (error) {
        outcome.setResult(error);
        throw error;
      }
    },
    {},
    async ({ url, beginShutdown }) => {
      const client = await WsClient.open(url);
      await began;
      beginShutdown();
      const error = await outcome;
      assert.ok(error instanceof CancelledError);
      assert.equal(error.reason.kind, 'shutdown');
      assert.equal(await client.closes(), 1001);
    },
  );
});

test('the console sees it: kind, name, waits and figures', async () => {
  await withHandler(
    async (socket) => {
      await socket.receive();
    },
    { name: 'board' },
    async ({ url }) => {
      const client = await WsClient.open(url);
      const find = (): WebSocket | undefined =>
        [...Resource.live].find((each) => each.kind === 'websocket' && each.name === 'board') as WebSocket | undefined;
      await until(
        () => find()?.task !== undefined && waitsOf(find()?.task as Task<unknown>).length > 0,
        'the handler to wait',
      );
      const socket = find() as WebSocket;
      assert.equal(waitsOf(socket.task as Task<unknown>)[0]?.kind, 'socket.receive');
      assert.match(String(socket), /^<Websocket "board" \d+ from 127\.0\.0\.1:\d+ open, 0 queued, 0 unsent>$/);
      assert.deepEqual(socket.statistics(), {
        received: 0,
        bytesReceived: 0,
        sent: 0,
        bytesSent: 0,
        queued: 0,
        unsent: 0,
        waiting: 0,
        paused: false,
      });
      client.ws.send('x');
      await client.closes();
      await until(() => find() === undefined, 'it to be gone');
    },
  );
});

test('compression is offered only if asked for, and what inflates too much ends it', async () => {
  const extensions: string[] = [];
  for (const compression of [false, true]) {
    await withHandler(echo, { compression }, async ({ url }) => {
      const client = await WsClient.open(url, { perMessageDeflate: true });
      extensions.push(client.ws.extensions);
      client.ws.send('soup'.repeat(1000));
      assert.deepEqual(await client.receives(1), ['soup'.repeat(1000)]);
      client.ws.close();
      await client.closes();
    });
  }
  assert.deepEqual(extensions, ['', 'permessage-deflate']);

  const { handler } = held();
  await withHandler(handler, { compression: true, maxMessage: 100_000, receiveBuffer: 1000 }, async ({ port }) => {
    using client = await RawWsClient.open(port, '/', 'Sec-WebSocket-Extensions: permessage-deflate\r\n');
    const small = deflateRawSync(Buffer.alloc(100_000), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
    const frame = frameOf(2 | 0x40, small);
    client.socket.write(Buffer.concat(Array.from({ length: 300 }, () => frame)));
    client.frame(8);
    await client.closes();
    assert.deepEqual(
      [...client.received.subarray(0, 1), ...client.received.subarray(2, 4)],
      [0x88, 1008 >> 8, 1008 & 255],
    );
  });
});
