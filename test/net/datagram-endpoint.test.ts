import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  CancelledError,
  createDatagramEndpoint,
  createTask,
  currentTask,
  type Datagram,
  type DatagramOptions,
  gather,
  InvalidStateError,
  moveOnAfter,
  sleep,
  timeout,
} from 'maitre';
import { waitsOf } from 'maitre/lowlevel';

import { nextTurn, test } from '../support/test.js';
import { local, withEndpoints, withPair } from './endpoints.js';
import { Dice, withSeed } from './mutation.js';
import { HOST, isBun, isDeno, until } from './sockets.js';

/** A port of 127.0.0.1 on which nobody is. */
async function freePort(): Promise<number> {
  await using endpoint = await createDatagramEndpoint({ local });
  return endpoint.address.port;
}

test('a datagram goes to the endpoint, whole and with its sender, and its answer back', async () => {
  await withPair(async (server, client) => {
    assert.deepEqual(server.address, { address: HOST, port: server.address.port, family: 'IPv4' });
    assert.equal(server.remote, undefined);
    assert.deepEqual(client.remote, server.address);
    assert.equal(client.address.address, HOST);
    for (const message of ['soup', Buffer.from('bytes'), new Uint8Array([1, 2, 3]), '', 'é'.repeat(10_000)]) {
      await client.send(message);
      const { data, from } = await server.receive();
      assert.deepEqual(from, client.address);
      assert.deepEqual(data, Buffer.from(message as string));
      await server.send(data, from);
      const answer = await client.receive();
      assert.deepEqual(answer, { data, from: server.address });
    }
    assert.deepEqual(server.statistics(), { received: 5, dropped: 0, queued: 0, sent: 5 });
    assert.equal(String(server), `<DatagramEndpoint ${HOST}:${server.address.port} open>`);
    assert.match(String(client), / open, to 127\.0\.0\.1:\d+>$/);
  });
});

test('send wants a target without remote, refuses one with it, and checks data and target', async () => {
  await withPair(async (server, client) => {
    await assert.rejects(server.send('x'), {
      name: 'TypeError',
      message: 'Cannot send: expected a target { host, port }, got none and the endpoint has no remote',
    });
    await assert.rejects(client.send('x', server.address), {
      name: 'TypeError',
      message: /is connected to 127\.0\.0\.1:\d+/,
    });
    await assert.rejects(server.send(7 as unknown as string, client.address), { name: 'TypeError', message: /got 7$/ });
    await assert.rejects(server.send('x', { host: HOST, port: 0 }), { name: 'RangeError' });
    assert.equal(server.statistics().sent, 0);
  });
});

test("send rejects with the system's error, and the endpoint goes on", async () => {
  await withPair(async (server, client) => {
    await assert.rejects(client.send(Buffer.alloc(70_000)), { code: 'EMSGSIZE' });
    await assert.rejects(server.send(Buffer.alloc(70_000), client.address), { code: 'EMSGSIZE' });
    await client.send('still here');
    assert.equal(String((await server.receive()).data), 'still here');
    assert.equal(client.statistics().sent, 1);
  });
});

test(
  'sends of one turn arrive in order',
  async () => {
    await withPair(async (server, client) => {
      await Promise.all(Array.from({ length: 50 }, (_, i) => client.send(String(i))));
      for (let i = 0; i < 50; i++) assert.equal(String((await server.receive()).data), String(i));
    });
  },
  { skip: isDeno ? "Deno's node:dgram sends side by side what is not awaited" : false },
);

test('receive cancelled at any step loses no datagram', async () => {
  await withPair(async (server, client) => {
    const count = 60;
    const got: string[] = [];
    for (let step = 0; step < count; step++) {
      const task = createTask(async () => void got.push(String((await server.receive()).data)));
      await client.send(String(step));
      for (let turn = 0; turn < step % 6; turn++) await (step % 2 === 0 ? undefined : nextTurn());
      task.cancel();
      await task.catch(() => undefined);
    }
    while (got.length < count) got.push(String((await timeout(5000, () => server.receive())).data));
    assert.deepEqual(
      got,
      Array.from({ length: count }, (_, i) => String(i)),
    );
  });
});

test('receive and send take a signal, and are wait records of their task', async () => {
  await withPair(async (server, client) => {
    const controller = new AbortController();
    const receiving = server.receive({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(receiving, { name: 'CancelledError' });
    await assert.rejects(client.send('x', undefined, { signal: controller.signal }), { name: 'CancelledError' });
    assert.equal(client.statistics().sent, 0);

    let seen: unknown;
    const task = createTask(async () => {
      const me = currentTask();
      const sending = client.send('y');
      seen = me === undefined ? undefined : waitsOf(me).map(({ kind, resource }) => [kind, resource]);
      await sending;
      await server.receive();
      await server.receive();
    });
    await until(() => server.statistics().received === 1 && server.statistics().queued === 0);
    assert.deepEqual(seen, [['datagram.send', client]]);
    assert.deepEqual(
      waitsOf(task).map(({ kind, resource }) => [kind, resource]),
      [['datagram.receive', server]],
    );
    task.cancel();
    await assert.rejects(() => task.then(), { name: 'CancelledError' });
  });
});

test('several receives are served in their order', async () => {
  await withPair(async (server, client) => {
    const all = gather(Array.from({ length: 10 }, (_, i) => async () => `${i}:${(await server.receive()).data}`));
    for (let i = 0; i < 10; i++) await client.send(String(i));
    assert.deepEqual(
      await all,
      Array.from({ length: 10 }, (_, i) => `${i}:${i}`),
    );
  });
});

test('a full receive queue drops by its policy, and counts', async () => {
  for (const overflow of ['dropNewest', 'dropOldest'] as const) {
    await withPair(
      async (server, client) => {
        for (let i = 0; i < 7; i++) await client.send(String(i));
        await until(() => server.statistics().received === 7, 'all datagrams to come');
        assert.deepEqual(server.statistics(), { received: 7, dropped: 4, queued: 3, sent: 0 });
        const got = [];
        while (server.statistics().queued > 0) got.push(String((await server.receive()).data));
        assert.deepEqual(got, overflow === 'dropNewest' ? ['0', '1', '2'] : ['4', '5', '6']);
      },
      { receiveQueue: 3, overflow },
    );
  }
});

test('random datagrams of any size come whole or not at all, whatever the queue and the receivers do, and are counted', () =>
  withSeed(async (seed) => {
    const dice = new Dice(seed);
    for (const overflow of ['dropNewest', 'dropOldest'] as const) {
      await withPair(
        async (server, client) => {
          const sent = new Set<string>();
          let got = 0;
          let sending = true;
          const receivers = Array.from({ length: 3 }, () =>
            createTask(async () => {
              for (;;) {
                // Some receives are given up, before or after a datagram was promised to them.
                await moveOnAfter(dice.upTo(3), async () => {
                  const { data } = await server.receive();
                  got++;
                  assert.ok(sent.has(data.toString('latin1')), 'it was never sent');
                  if (dice.oneIn(4)) await sleep(1);
                });
                if (!sending && server.statistics().queued === 0) return;
              }
            }),
          );
          for (let i = 0; i < 300; i++) {
            // Bun tells of what is too large a second time, at a receive or send that has nothing to do with it.
            const tooLarge = isBun ? [] : [65_508, 70_000];
            const size = dice.pick([0, 1, 2, 100, 1472, 1473, 9000, 65_507, ...tooLarge]);
            const data = dice.bytes(Math.min(size, 100));
            const whole = Buffer.concat([data, Buffer.alloc(Math.max(0, size - 100), i)]);
            if (size <= 65_507) sent.add(whole.toString('latin1'));
            const failure: unknown = await client.send(whole).then(
              () => undefined,
              (error: unknown) => error,
            );
            const { code } = (failure ?? {}) as { code?: string };
            assert.equal(code, size > 65_507 ? 'EMSGSIZE' : undefined);
          }
          await sleep(20);
          sending = false;
          for (const receiver of receivers) await receiver;
          await client.send('and on');
          // A busy system hands some over only now.
          for (let text = ''; text !== 'and on'; got++) {
            text = (await server.receive()).data.toString('latin1');
            assert.ok(text === 'and on' || sent.has(text), 'it was never sent');
          }
          const { received, dropped, queued } = server.statistics();
          assert.equal(received, got + dropped);
          assert.equal(queued, 0);
        },
        { receiveQueue: 4, overflow },
      );
    }
  }));

const noIcmp = isDeno ? "Deno's node:dgram does not tell of ICMP errors" : false;

test(
  'a refusal by the peer is thrown by the next receive, once, and the endpoint stays open',
  async () => {
    const port = await freePort();
    await withEndpoints([{ remote: { host: HOST, port } }], async (client) => {
      await client.send('anybody?');
      await assert.rejects(client.receive(), { code: 'ECONNREFUSED' });
      assert.equal(client.closed, false);
      await withEndpoints([{ local: { host: HOST, port } }], async (server) => {
        await client.send('and now?');
        assert.equal(String((await server.receive()).data), 'and now?');
        await server.send('yes', client.address);
        assert.equal(String((await client.receive()).data), 'yes');
      });
    });
  },
  { skip: noIcmp },
);

test(
  'a refusal that no receive waits for is thrown by the next send or receive',
  async () => {
    const port = await freePort();
    await withEndpoints([{ remote: { host: HOST, port } }], async (client) => {
      const refused: unknown[] = [];
      // Which send hears of it depends on when the system tells; one of the first few does.
      for (let i = 0; i < 10 && refused.length === 0; i++) {
        await client.send('anybody?').catch((error: unknown) => {
          assert.equal((error as { code?: string }).code, 'ECONNREFUSED');
          refused.push(error);
        });
        await nextTurn();
      }
      assert.equal(refused.length, 1);
    });
  },
  { skip: noIcmp },
);

test(
  'a storm of refusals keeps one fault at most: the endpoint neither grows nor closes, and serves its peer when it is there',
  async () => {
    const port = await freePort();
    await withEndpoints([{ remote: { host: HOST, port } }, { local }], async (client, stranger) => {
      let heard = 0;
      for (let i = 0; i < 300; i++) {
        await client.send('anybody?').catch((error: unknown) => {
          assert.equal((error as { code?: string }).code, 'ECONNREFUSED');
          heard++;
        });
        // Nobody is told of refusals of an endpoint that talks to everybody.
        const strange = stranger.send('anybody?', { host: HOST, port });
        await (isBun ? strange.catch(() => undefined) : strange); // Bun tells all the same
      }
      assert.ok(heard > 0);
      await withEndpoints([{ local: { host: HOST, port } }], async (server) => {
        await sleep(5);
        await client.send('now?').catch(() => client.send('now?')); // the last refusal may be told here
        assert.equal(String((await server.receive()).data), 'now?');
        await server.send('yes', client.address);
        const answer = await client.receive().catch(() => client.receive());
        assert.equal(String(answer.data), 'yes');
      });
      assert.equal(stranger.closed || client.closed, false);
    });
  },
  { skip: noIcmp },
);

test('close wakes receives, ends iterations, and refuses what comes later', async () => {
  await withPair(async (server, client) => {
    const receiving = [server.receive(), server.receive()].map((each) =>
      assert.rejects(each, { name: 'InvalidStateError', message: 'Cannot receive: the datagram endpoint is closed' }),
    );
    const iterating = createTask(async () => {
      for await (const _ of server) assert.fail('nothing was sent');
      return 'ended';
    });
    await sleep(0);
    server.close();
    server.close();
    assert.equal(server.closed, true);
    await Promise.all(receiving);
    assert.equal(await iterating, 'ended');
    await assert.rejects(server.receive(), InvalidStateError);
    await assert.rejects(server.send('x', client.address), InvalidStateError);
    assert.throws(() => server.joinGroup('239.7.7.7'), InvalidStateError);
    await Promise.all([server.waitClosed(), server.waitClosed()]);
    await server.waitClosed();
    assert.match(String(server), / closed>$/);
  });
});

test('close lets sends that were begun go out, and drops what was not received', async () => {
  await withPair(async (server, client) => {
    await server.send('never read', client.address);
    await until(() => client.statistics().queued === 1);
    const sending = client.send('last words');
    client.close();
    await sending;
    await client.waitClosed();
    assert.equal(client.statistics().queued, 0);
    assert.equal(String((await server.receive()).data), 'last words');
  });
});

test('iterating gives every datagram, and leaving the loop leaves the endpoint open', async () => {
  await withPair(async (server, client) => {
    for (const text of ['a', 'b', 'c']) await client.send(text);
    const got: string[] = [];
    for await (const { data } of server) {
      got.push(String(data));
      if (got.length === 2) break;
    }
    for await (const { data } of server) {
      got.push(String(data));
      server.close();
    }
    assert.deepEqual(got, ['a', 'b', 'c']);
  });
});

test('a connected endpoint hears only its peer', async () => {
  await withPair(async (server, client) => {
    await withEndpoints([{ local }], async (stranger) => {
      await stranger.send('psst', client.address).catch(() => undefined);
      await server.send('the peer', client.address);
      assert.equal(String((await client.receive()).data), 'the peer');
      assert.equal(client.statistics().received, 1);
    });
  });
});

/** Whether what is sent to `to` comes back over loopback here: the reason not, or false. */
async function unreachable(options: DatagramOptions, to: string): Promise<string | false> {
  try {
    await using endpoint = await createDatagramEndpoint({ local: { host: '0.0.0.0' }, ...options });
    await endpoint.send('probe', { host: to, port: endpoint.address.port });
    await timeout(500, () => endpoint.receive());
    return false;
  } catch (error) {
    return `this system does not bring ${to} back over loopback: ${String(error)}`;
  }
}

const BROADCAST = '127.255.255.255';
const GROUP = '239.77.7.7';
const onLoopback = { interface: HOST, loopback: true };

test(
  'broadcast needs its option, and reaches this machine',
  async () => {
    await withEndpoints([{ local: { host: '0.0.0.0' } }, { broadcast: true }], async (receiver, sender) => {
      const to = { host: BROADCAST, port: receiver.address.port };
      // Deno gives it a code of its own.
      await assert.rejects(receiver.send('x', to), isDeno ? Error : { code: 'EACCES' });
      await sender.send('everybody', to);
      assert.equal(String((await receiver.receive()).data), 'everybody');
    });
  },
  { skip: await unreachable({ broadcast: true }, BROADCAST) },
);

test(
  'multicast reaches the members of a group, from joinGroup to its disposal',
  async () => {
    const options = { local: { host: '0.0.0.0' }, multicast: onLoopback };
    await withEndpoints([options, { ...options, multicast: { ...onLoopback, ttl: 1 } }], async (member, sender) => {
      const to = { host: GROUP, port: member.address.port };
      const membership = member.joinGroup(GROUP, { interface: HOST });
      await sender.send('members', to);
      assert.equal(String((await member.receive()).data), 'members');
      membership[Symbol.dispose]();
      membership[Symbol.dispose]();
      const notJoined = { code: isDeno ? 'EINVAL' : 'EADDRNOTAVAIL' };
      assert.throws(() => member.leaveGroup(GROUP, { interface: HOST }), notJoined);
      await sender.send('nobody', to).catch(() => undefined);
      await sender.send('you', { host: HOST, port: member.address.port });
      assert.equal(String((await member.receive()).data), 'you');
      const again = member.joinGroup(GROUP, { interface: HOST });
      member.leaveGroup(GROUP, { interface: HOST });
      again[Symbol.dispose](); // left already
      member.joinGroup(GROUP, { interface: HOST });
      await sender.send('back', to);
      assert.equal(String((await member.receive()).data), 'back');
      assert.throws(() => member.joinGroup('soup'), RangeError);
    });
  },
  { skip: await unreachable({ multicast: { ...onLoopback, join: [{ group: GROUP, interface: HOST }] } }, GROUP) },
);

const python = spawnSync('python3', ['--version']).status === 0 || process.env['CI'] === 'true';

const PYTHON_SERVER = `
import asyncio, sys
class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport
        print(transport.get_extra_info('sockname')[1], flush=True)
    def datagram_received(self, data, addr):
        self.transport.sendto(data[::-1], addr)
async def main():
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Echo, local_addr=('127.0.0.1', 0))
    await loop.run_in_executor(None, sys.stdin.read)
asyncio.run(main())
`;

test(
  "it talks to Python's asyncio",
  async () => {
    const child = spawn('python3', ['-c', PYTHON_SERVER], { stdio: ['pipe', 'pipe', 'inherit'] });
    let printed = '';
    let ended = false;
    child.stdout.on('data', (chunk: Buffer) => (printed += String(chunk)));
    child.on('close', () => (ended = true));
    try {
      await until(() => printed.endsWith('\n') || ended, 'Python to listen');
      await withEndpoints([{ remote: { host: HOST, port: Number(printed) } }], async (client) => {
        for (const message of ['soup', 'x', 'y'.repeat(9000)]) {
          await client.send(message);
          const answer: Datagram = await timeout(5000, () => client.receive());
          assert.deepEqual([...answer.data], [...Buffer.from(message)].toReversed());
        }
      });
    } finally {
      child.stdin.end();
      await until(() => ended, 'Python to end');
    }
  },
  { skip: python ? false : 'python3 is not installed' },
);

test('return() of an iteration takes back every next() that waits, and no datagram goes with them', async () => {
  await withPair(async (server, client) => {
    const items = server[Symbol.asyncIterator]();
    const nexts = [items.next(), items.next()];
    await nextTurn();
    assert.deepEqual(await items.return?.(), { done: true, value: undefined });
    for (const next of nexts) assert.deepEqual(await next, { done: true, value: undefined });
    await client.send('kept');
    assert.equal(String((await server.receive()).data), 'kept');
    const waiting = server[Symbol.asyncIterator]();
    const task = createTask(() => waiting.next());
    await nextTurn();
    task.cancel();
    await assert.rejects(async () => await task, CancelledError); // a cancel of its task is no end
    await client.send('again');
    assert.equal(String((await waiting.next()).value?.data), 'again');
  });
});
