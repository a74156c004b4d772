import assert from 'node:assert/strict';
import {
  type Connection,
  ConnectionLostError,
  type ConnectionOutcome,
  type ExceptionContext,
  Future,
  type Handler,
  type Refusal,
  type ServerOptions,
  setExceptionHandler,
  sleep,
  TaskGroup,
} from 'maitre';
import { watchErrors } from '#src/base/index.js';
import { nextTurn, test } from '../support/test.ts';
import { first } from './fixtures/certificates.ts';
import { echo, pause, RawClient, until, withServer } from './sockets.ts';

/** Everything the exception handler is told. */
function collect(): Disposable & { readonly contexts: ExceptionContext[]; readonly messages: string[] } {
  const contexts: ExceptionContext[] = [];
  const handler = setExceptionHandler((context) => contexts.push(context));
  return {
    contexts,
    get messages() {
      return contexts.map(({ message }) => message);
    },
    [Symbol.dispose]: () => handler[Symbol.dispose](),
  };
}

/** Connects, sends and resets, `count` times, one after the other. */
async function resetters(port: number, count: number, text = 'half a line'): Promise<void> {
  for (let i = 0; i < count; i++) {
    const client = await new RawClient(port).connected();
    client.socket.write(text);
    await pause(2);
    client.reset();
    await until(() => client.closed);
  }
}

/** How many are told of in all: `Lost connection 3 ...` is one, `Lost 7 more ...` are seven. A slow machine makes more lines of them. */
function countOf(messages: readonly string[]): number {
  return messages.reduce(
    (sum, message) => sum + Number(/^\w+ (\d+) more connections? within/.exec(message)?.[1] ?? 1),
    0,
  );
}

const inGroup: Handler = async (reader, writer) => {
  await TaskGroup.run((group) => {
    group.createTask(async () => {
      for await (const _ of reader) await sleep(0);
    });
    group.createTask(async () => {
      for (;;) {
        writer.write('tick\n');
        await writer.drain();
        await sleep(1);
      }
    });
  });
};

for (const [name, handler] of [
  ['a handler', echo],
  ['a handler with a TaskGroup', inGroup],
] as const) {
  test(`peers that reset under ${name} are one short report now and their number later, not unhandled errors`, async () => {
    using heard = collect();
    await withServer(handler, {}, async (server, port) => {
      await resetters(port, 8);
      await until(() => server.connections.size === 0);
    });
    assert.equal(countOf(heard.messages), 8);
    assert.ok(heard.messages.length <= 4, heard.messages.join('\n'));
    assert.match(heard.messages[0] ?? '', /^Lost connection \d+ from 127\.0\.0\.1:\d+: [^\n]+$/);
    assert.match(
      heard.messages[1] ?? '',
      /^Lost \d more connections within a second, the last connection \d+ from [^\n]+$/,
    );
    for (const context of heard.contexts) {
      assert.equal(context['brief'], true);
      assert.match(String(context['connection']), /^<Connection \d+ from/);
    }
  });
}

test('peers that end in the middle of what a handler reads are lost peers, not unhandled errors', async () => {
  for (const [handler, isGroup] of [
    [async (reader) => void (await reader.readExactly(100)), false],
    [async (reader) => TaskGroup.run((group) => void group.createTask(() => reader.readExactly(100))), true],
  ] as const satisfies readonly (readonly [Handler, boolean])[]) {
    using heard = collect();
    await withServer(handler, {}, async (server, port) => {
      for (let i = 0; i < 5; i++) {
        const client = await new RawClient(port).connected();
        client.socket.end('half');
        await until(() => client.closed || client.ended);
        client.socket.destroy();
      }
      await until(() => server.connections.size === 0);
    });
    assert.equal(countOf(heard.messages), 5);
    assert.ok(heard.messages.length <= 4, heard.messages.join('\n'));
    assert.match(
      heard.messages[0] ?? '',
      isGroup ? /^Lost connection \d+ from/ : /^Lost [^\n]+ after 4 of 100 expected bytes$/,
    );
    assert.ok(heard.contexts.every((context) => context['brief'] === true));
  }
});

test('the count of the last second is told when it is over, and at the latest when the server ends', async () => {
  using heard = collect();
  await withServer(echo, {}, async (_server, port) => {
    await resetters(port, 3);
    await until(() => heard.messages.length === 2);
    assert.match(heard.messages[1] ?? '', /^Lost 2 more connections within a second/);
    await resetters(port, 2);
  });
  assert.match(heard.messages[2] ?? '', /^Lost 2 more connections within a second/);
  assert.equal(heard.messages.length, 3);
});

test('a bug in a handler is reported in full each time, also beside a lost peer', async () => {
  using heard = collect();
  const handler: Handler = async (reader) => {
    const line = await reader.readLine().catch((error: unknown) => error);
    throw new AggregateError([line, new Error('a bug')], 'both');
  };
  await withServer(handler, {}, async (server, port) => {
    await resetters(port, 3);
    await until(() => server.connections.size === 0);
  });
  assert.equal(heard.messages.length, 3);
  for (const message of heard.messages) assert.match(message, /^Unhandled error in the handler of connection \d+ from/);
  assert.ok(heard.contexts.every((context) => context['brief'] === undefined));
});

test('PROXY headers that fail, and TLS handshakes, are refusals: one short report now, their number later', async () => {
  const doors: readonly [ServerOptions, RegExp, RegExp][] = [
    [
      { proxyProtocol: true },
      /^Refused a connection from 127\.0\.0\.1:\d+: Cannot read the PROXY protocol/,
      /proxyProtocol/,
    ],
    [{ tls: first }, /^Refused a connection from 127\.0\.0\.1:\d+: TLS handshake failed: /, /handshake/],
    [
      { proxyProtocol: true, tls: first },
      /^Refused a connection from 192\.0\.2\.1:56324: TLS handshake failed: /,
      /handshake/,
    ],
  ];
  for (const [options, message, code] of doors) {
    using heard = collect();
    const begin =
      options.proxyProtocol === true && options.tls !== undefined ? 'PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n' : '';
    await withServer(echo, options, async (server, port) => {
      for (let i = 0; i < 5; i++) {
        const client = new RawClient(port);
        client.socket.write(`${begin}GET / HTTP/1.1\r\n\r\n`);
        await until(() => client.closed || client.ended);
        client.socket.destroy();
        await until(() => client.closed);
      }
      await until(() => server.connections.size === 0);
      const { refused } = server.statistics();
      assert.deepEqual(
        Object.entries(refused).filter(([, count]) => count > 0),
        [[code.source, 5]],
      );
    });
    assert.equal(countOf(heard.messages), 5);
    assert.ok(heard.messages.length <= 4, heard.messages.join('\n'));
    assert.match(heard.messages[0] ?? '', message);
    assert.match(heard.messages[1] ?? '', /^Refused \d more connections within a second, the last one from/);
    assert.ok(heard.contexts.every((context) => context['brief'] === true));
  }
});

test('onRefused receives every refusal with its code, and nothing of it is reported', async () => {
  using heard = collect();
  const refused: Refusal[] = [];
  const options = { maxConnections: 1, backlog: 1, onRefused: (refusal: Refusal) => void refused.push(refusal) };
  await withServer(echo, options, async (_server, port) => {
    const clients: RawClient[] = [];
    for (let i = 0; i < 6; i++) {
      clients.push(new RawClient(port));
      await pause(5);
    }
    await until(() => clients.slice(2).every(({ closed }) => closed));
    for (const { socket } of clients) socket.destroy();
    await until(() => clients.every(({ closed }) => closed));
  });
  assert.deepEqual(
    refused.map(({ code }) => code),
    ['backlog', 'backlog', 'backlog', 'backlog'],
  );
  assert.match(refused[0]?.message ?? '', /^1 are served and 1 wait, which are maxConnections and backlog$/);
  assert.deepEqual(heard.messages, []);
});

for (const how of ['throws', 'rejects'] as const) {
  test(`an onRefused or onEnd that ${how} is reported, once a second, and the server goes on`, async () => {
    using heard = collect();
    const fail = (): void => {
      throw new Error('no room in the log');
    };
    const broken = how === 'throws' ? fail : async (): Promise<void> => fail();
    const options = { maxConnections: 1, backlog: 1, onRefused: broken, onEnd: broken };
    await withServer(echo, options, async (_server, port) => {
      const clients: RawClient[] = [];
      for (let i = 0; i < 6; i++) {
        clients.push(new RawClient(port));
        await pause(5);
      }
      await until(() => clients.slice(2).every(({ closed }) => closed));
      clients[0]?.socket.write('hi\n');
      await clients[0]?.receives('hi\n');
      for (const { socket } of clients) socket.destroy();
      await until(() => clients.every(({ closed }) => closed));
    });
    await nextTurn(); // the last of them came after the end of the server
    assert.equal(heard.messages[0], 'onRefused failed');
    assert.ok(heard.messages.length <= 4, heard.messages.join('\n'));
    for (const message of heard.messages.slice(1)) {
      assert.match(message, /^(onRefused|onEnd) failed(, and [1-9]\d* more times within a second)?$/);
    }
    assert.match(heard.messages.join(), /onEnd failed/);
  });
}

test('an overflow is told once: the loss that its handler sees is the same news', async () => {
  const errors: unknown[] = [];
  const ends: ConnectionOutcome[] = [];
  const flood: Handler = async (_reader, writer) => {
    for (;;) {
      for (let i = 0; i < 100; i++) writer.write(Buffer.alloc(1 << 20));
      await writer.drain();
    }
  };
  for (const onError of [undefined, (error: unknown): void => void errors.push(error)]) {
    using heard = collect();
    const onEnd = (_connection: Connection, outcome: ConnectionOutcome): void => void ends.push(outcome);
    await withServer(flood, { maxBuffered: 4 << 20, onError, onEnd }, async (server, port) => {
      const client = new RawClient(port);
      client.socket.pause();
      await until(() => ends.length > 0 && server.connections.size === 0);
      client.socket.destroy();
      await until(() => client.closed);
    });
    if (onError === undefined) {
      assert.equal(heard.messages.length, 1, heard.messages.join('\n'));
      assert.match(heard.messages[0] ?? '', /^Lost connection \d+ from 127.*maxBuffered is 4194304/);
    } else {
      assert.deepEqual(heard.messages, []);
      assert.equal(errors.length, 1);
      assert.ok(errors[0] instanceof ConnectionLostError);
    }
    assert.equal(ends.at(-1)?.kind, 'lost');
    assert.match(String(ends.at(-1)?.error), /maxBuffered/);
    ends.length = 0;
  }
});

test('onEnd is called once for every connection, with how it went', async () => {
  using _ = collect();
  const ends: [number, string, unknown][] = [];
  const bug = new Error('a bug');
  const gate = new Future<void>();
  const handler: Handler = async (reader, _writer, connection) => {
    const line = String(await reader.readLine());
    if (line === 'fail\n') throw bug;
    if (line === 'cancel\n') connection.task?.cancel();
    if (line === 'vanish\n') connection.abort();
    if (line === 'wait\n') await gate;
    await sleep(1);
  };
  const onEnd = ({ id, closed }: Connection, { kind, error }: ConnectionOutcome): void => {
    assert.equal(closed, true);
    ends.push([id, kind, error]);
  };
  await withServer(handler, { onEnd, concurrency: 1 }, async (server, port) => {
    for (const line of ['done', 'fail', 'cancel']) {
      const client = new RawClient(port);
      client.socket.write(`${line}\n`);
      await client.end();
      await client.close();
    }
    await resetters(port, 1);
    await until(() => ends.length === 4);
    const busy = await new RawClient(port).connected();
    busy.socket.write('wait\n');
    await until(() => server.statistics().handling === 1);
    await resetters(port, 1); // in line
    await until(() => ends.length === 5);
    const waits = await new RawClient(port).connected();
    await until(() => server.statistics().inLine === 1);
    await server.shutdown({ grace: 10 });
    await busy.close();
    await waits.close();
  });
  assert.deepEqual(
    ends.map(([, kind]) => kind),
    ['done', 'failed', 'cancelled', 'lost', 'lost', 'cancelled', 'cancelled'],
  );
  assert.equal(ends[1]?.[2], bug);
  assert.ok(ends[3]?.[2] instanceof ConnectionLostError);
  assert.match(String(ends[4]?.[2]), /ECONNRESET/);
  assert.equal(new Set(ends.map(([id]) => id)).size, ends.length);
});

test('a client that is refused or only looks has no onEnd', async () => {
  using _ = collect();
  let ends = 0;
  let refusals = 0;
  const options = { proxyProtocol: true, onEnd: () => void ends++, onRefused: () => void refusals++ };
  await withServer(echo, options, async (server, port) => {
    const looks = await new RawClient(port).connected();
    await until(() => server.connections.size === 1);
    await looks.close();
    const wrong = new RawClient(port);
    wrong.socket.write('hello there\n');
    await wrong.end();
    await wrong.close();
    await until(() => server.connections.size === 0);
  });
  assert.deepEqual([ends, refusals], [0, 1]);
});

test('an error that onError receives is seen by the watchers of errors, a lost peer is not', async () => {
  const seen: string[] = [];
  using _ = watchErrors(({ message, error }) => void seen.push(`${message}: ${String(error)}`));
  const received: unknown[] = [];
  const fails: Handler = async (reader) => {
    if (String(await reader.readLine()) === 'break\n') throw new RangeError('too hot');
  };
  await withServer(fails, { onError: (error) => void received.push(error) }, async (_server, port) => {
    await resetters(port, 1);
    await until(() => received.length === 1);
    const client = await new RawClient(port).connected();
    client.socket.write('break\n');
    await until(() => received.length === 2);
    client.reset();
  });
  assert.deepEqual(
    seen.map((each) => each.replace(/connection \d+ from \S+/, 'X')),
    ['The handler of X failed: RangeError: too hot'],
  );
});
