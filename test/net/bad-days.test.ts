// What happens to a server's process on bad days: no descriptors left, Ctrl-C while clients do what they like.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from '../support/test.js';
import { fixtureCommand, Program, startFixture } from './programs.js';
import { HOST, isNode, pause, RawClient, until } from './sockets.js';

const noLimits = (process.platform === 'win32' || !isNode) && 'a limit on descriptors as Node meets it';

test(
  'out of descriptors: clients are dropped, which is told once, the server takes no processor time for it, and serves again',
  async () => {
    const limit = 160; // the loader opens many files at once
    const [command, args] = fixtureCommand('echo-server');
    await using program = new Program('sh', ['-c', `ulimit -n ${limit}; exec "$0" "$@"`, command, ...args]);
    const port = Number(await program.prints(/^port (\d+)$/m));
    const clients: RawClient[] = [];
    const ask = async (client: RawClient): Promise<number> => {
      client.received = Buffer.alloc(0);
      client.socket.write('cpu\n');
      return Number(await client.receives('\n'));
    };
    try {
      const first = await new RawClient(port).connected();
      const before = await ask(first);
      for (let i = 0; i < 2 * limit; i++) clients.push(new RawClient(port));
      for (const client of clients) client.socket.write('x\n');
      await until(() => clients.every((client) => client.text === 'x\n' || client.closed || client.ended));
      const served = clients.filter((client) => client.text === 'x\n').length;
      assert.ok(served > 20 && served < limit, `${served} of ${clients.length} were served`);
      await pause(2200); // full, and nothing to do but to see that it is
      assert.ok((await ask(first)) - before < 500, 'it is busy');
      for (const client of clients) client.socket.destroy();
      await until(() => clients.every(({ closed }) => closed));
      await pause(50);
      for (let i = 0; i < 10; i++) {
        const client = new RawClient(port);
        clients.push(client);
        client.socket.write(`again ${i}\n`);
        await client.receives(`again ${i}\n`);
      }
      await first.close();
    } finally {
      for (const client of clients) client.socket.destroy();
      await until(() => clients.every(({ closed }) => closed));
    }
    program.kill('SIGTERM');
    assert.equal(await program.ends(), 143);
    const reports = program.errors.split('\n').filter((line) => line.startsWith('maitre: '));
    assert.deepEqual(reports, [
      `maitre: Cannot accept connections: the process has no file descriptor left (the limit is ${limit}): the system drops clients that connect now`,
    ]);
  },
  { skip: noLimits },
);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} while clients connect, send, reset, flood and sleep: a bounded end, with nothing on standard error`, async () => {
    await using program = startFixture('echo-server', '300');
    const port = Number(await program.prints(/^port (\d+)$/m));
    const clients: RawClient[] = [];
    const add = (use: (client: RawClient) => void): void => {
      const client = new RawClient(port);
      clients.push(client);
      client.socket.on('connect', () => use(client));
    };
    for (let i = 0; i < 40; i++) {
      add(() => undefined); // idle
      add(({ socket }) => void socket.write('half a line'));
      add(({ socket }) => void socket.end('done\n'));
      add((client) => (client.socket.write('x\n'), client.reset()));
      add(({ socket }) => (socket.pause(), socket.write('flood\n')));
    }
    await until(() => clients.every(({ socket }) => !socket.connecting));
    const chatter = setInterval(() => {
      add((client) => (client.socket.write('x\n'), setTimeout(() => client.reset(), 5)));
      for (const { socket } of clients) if (socket.writable && Math.random() < 0.3) socket.write('more\n');
    }, 1);
    await pause(100);
    const began = performance.now();
    program.kill(signal);
    const end = await program.ends();
    const took = performance.now() - began;
    clearInterval(chatter);
    for (const { socket } of clients) socket.destroy();
    await until(() => clients.every(({ closed }) => closed));
    assert.equal(end, signal === 'SIGINT' ? 130 : 143);
    assert.ok(took < 300 + 1000 + 1000 + 1500, `${took} ms`);
    assert.equal(program.errors, '');
    assert.match(program.output, /^report \{"finished":\d+,"cancelled":\d+,"aborted":\d+\}$/m);
  });
}

test('a second signal ends the process at once', async () => {
  await using program = startFixture('echo-server', '60000');
  const port = Number(await program.prints(/^port (\d+)$/m));
  const client = await new RawClient(port).connected();
  try {
    client.socket.write('hang\n');
    await client.receives('hang\n');
    program.kill('SIGINT');
    await pause(100);
    assert.equal(program.end, undefined);
    program.kill('SIGTERM');
    assert.equal(await program.ends(), 143);
  } finally {
    client.socket.destroy();
    await until(() => client.closed);
  }
});

test('what a program wrote before run() ended is sent, when the next line ends the process', async () => {
  let got = '';
  const server = createServer((socket) => {
    socket.on('data', (chunk) => (got += String(chunk))).on('error', () => undefined);
    setTimeout(() => socket.write('x'), 20);
  });
  await once(server.listen(0, HOST), 'listening');
  try {
    await using program = startFixture('last-words', String((server.address() as AddressInfo).port));
    assert.equal(await program.ends(), 0);
    await until(() => got === 'last words\n');
  } finally {
    server.close();
    await once(server, 'close');
  }
});

for (const method of ['useUserBuffer', 'readStart', 'shutdown', 'writev']) {
  test(
    `a Node whose handles have no ${method} serves with public events, or by whatever net does without it`,
    async () => {
      await using program = startFixture('other-handles', method);
      const end = await program.ends();
      // net itself needs the others: then the error is its own, and no crash of the probe.
      if (method === 'useUserBuffer') assert.deepEqual([end, program.output], [0, 'got hi\n'], program.errors);
      else assert.doesNotMatch(program.errors, /src\/net\/raw|net\/raw\//);
    },
    { skip: !isNode && 'handles as Node has them' },
  );
}
