import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { openConnection, type Address } from 'maitre';
import { test } from '../support/test.js';
import { first } from './fixtures/certificates.js';
import { handOver, said } from './hand-over.js';
import { missing, type Program } from './programs.js';
import { HOST, isBun, isNode, pause, RawClient, temporaryFolder, until } from './sockets.js';

const skip = missing('python3');

async function portOf(program: Program): Promise<number> {
  const port = Number(await program.prints(/^port (\d+)\n/));
  await program.prints(/^serving /m);
  return port;
}

/** Both ends of a connection, as its handler sees them. */
async function addressesOf(connection: Awaited<ReturnType<typeof openConnection>>): Promise<Address[]> {
  connection.writer.write('ends\n');
  const ends = JSON.parse(String(await connection.reader.readLine())) as Address[]; // as the fixture writes them
  await connection.close();
  return ends;
}

test(
  'TCP and Unix descriptors in one server: addresses and connections say where each is',
  async () => {
    using dir = temporaryFolder();
    const path = dir.at('with a blank');
    const abstract = `\0maitre-descriptor-${process.pid}`;
    const sockets = [`tcp=${HOST}`, `unix=${path}`, 'tcp=::1', `unix=${abstract.replace('\0', '@')}`];
    await using program = handOver(sockets);
    await program.prints(/^serving /m);
    const [port = 0, port6 = 0] = [...program.output.matchAll(/^port (\d+)$/gm)].map(([, number]) => Number(number));
    assert.deepEqual(await said<Address[]>(program, 'serving'), [
      { address: HOST, port, family: 'IPv4' },
      { path },
      { address: '::1', port: port6, family: 'IPv6' },
      { path: abstract },
    ]);
    for (const [host, at] of [
      [HOST, port],
      ['::1', port6],
    ] as const) {
      const client = await openConnection({ host, port: at });
      const { local, peer } = client;
      assert.deepEqual(await addressesOf(client), [local, peer]);
    }
    assert.deepEqual(await addressesOf(await openConnection({ path })), [{ path }, { path }]);
  },
  { skip },
);

test(
  'a socket that is bound and does not listen yet begins to',
  async () => {
    await using program = handOver([`bound=${HOST}`]);
    const client = await openConnection({ host: HOST, port: await portOf(program) });
    await addressesOf(client);
  },
  { skip },
);

test(
  'the limits, the PROXY protocol and TLS of a server hold on descriptors as well',
  async () => {
    using dir = temporaryFolder();
    const path = dir.at('s');
    {
      await using program = handOver([`tcp=${HOST}`], { server: { proxyProtocol: true, maxConnections: 1 } });
      const port = await portOf(program);
      const one = await openConnection({ host: HOST, port });
      one.writer.write('PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\nhi\n');
      assert.equal(String(await one.reader.readLine()), 'hi\n');
      const other = await openConnection({ host: HOST, port });
      other.writer.write('PROXY TCP4 192.0.2.2 192.0.2.9 56324 443\r\nends\n');
      await pause(50);
      assert.equal(other.bytesRead, 0); // parked
      assert.deepEqual((await addressesOf(one))[0], { address: '192.0.2.1', port: 56324, family: 'IPv4' });
      assert.match(String(await other.reader.readLine()), /192\.0\.2\.2/);
      await other.close();
    }
    await using program = handOver([`tcp=${HOST}`, `unix=${path}`], { server: { tls: true } });
    const port = await portOf(program);
    const tls = { ca: first.cert, servername: 'localhost' };
    const client = await openConnection({ host: HOST, port, tls });
    const { local, peer } = client;
    assert.deepEqual(await addressesOf(client), [local, peer]);
    assert.deepEqual(await addressesOf(await openConnection({ path, tls })), [{ path }, { path }]);
  },
  { skip },
);

test(
  'the address outlives the server: who comes between two servers is served by the second, and the path stays',
  async () => {
    using dir = temporaryFolder();
    const path = dir.at('s');
    await using program = handOver([`unix=${path}`], { rounds: 2 });
    await program.prints(/^serving /m);
    const before = await openConnection({ path });
    before.writer.write('hi\n');
    assert.equal(String(await before.reader.readLine()), 'hi\n');
    process.kill(Number(await program.prints(/^pid (\d+)\n/m)), 'SIGTERM');
    assert.equal(String(await before.reader.read()), ''); // idle: its end was the handler's
    await before.close();
    await program.prints(/^ended\n/m);
    assert.deepEqual(await said(program, 'report'), { finished: 1, cancelled: 0, aborted: 0 });
    assert.ok(existsSync(path));
    const between = await openConnection({ path });
    between.writer.write('anybody?\n');
    program.kill('SIGUSR1');
    assert.equal(String(await between.reader.readLine()), 'anybody?\n');
    await between.close();
    const [, second] = [...program.output.matchAll(/^pid (\d+)\n/gm)].map(([, pid]) => Number(pid));
    process.kill(second ?? 0, 'SIGTERM');
    await until(() => program.output.match(/^ended\n/gm)?.length === 2);
  },
  { skip },
);

test(
  'the backlog option holds for a descriptor too',
  async () => {
    await using program = handOver([`tcp=${HOST}`], { server: { backlog: 1, still: true } });
    const port = await portOf(program);
    const clients = Array.from({ length: 10 }, () => new RawClient({ host: HOST, port }));
    await pause(200);
    const connected = clients.filter(({ socket }) => !socket.connecting).length;
    for (const { socket } of clients) socket.destroy();
    await until(() => clients.every(({ closed }) => closed));
    assert.ok(connected >= 1 && connected <= 2, `${connected} connected`); // Linux takes one more than it is told
  },
  {
    skip:
      skip ||
      ((process.platform !== 'linux' || !isNode) &&
        'only Linux lets connects to a full backlog hang; Bun has no backlog, and Deno none for descriptors'),
  },
);

const linuxOnly = skip || (process.platform !== 'linux' && 'only Linux tells what a descriptor is before it is used');

for (const [socket, code, state] of [
  ['pipe', 'ENOTSOCK', 'it is pipe:[NUMBER]'],
  ['file=/etc/passwd', 'ENOTSOCK', 'it is /etc/passwd'],
  [`udp=${HOST}`, 'EINVAL', 'it is connected, not bound, or not a socket of streams'],
  ['datagram=PATH', 'EINVAL', 'it is connected, not bound, or not a socket of streams'],
  ['seqpacket=PATH', 'EINVAL', 'it is connected, not bound, or not a socket of streams'],
  [`connected=${HOST}`, 'EINVAL', 'it is connected, not bound, or not a socket of streams'],
  ['pair', 'EINVAL', 'it is connected, not bound, or not a socket of streams'],
  ['unbound', 'EINVAL', 'it is connected, not bound, or not a socket of streams'],
] as const) {
  const [name] = socket.split('=');
  test(
    `a descriptor that cannot be served is an error that says why, and nothing is served: ${name}`,
    async () => {
      using dir = temporaryFolder();
      await using program = handOver([`tcp=${HOST}`, socket.replace('PATH', dir.at('s'))]);
      const { code: got, message } = await said<NodeJS.ErrnoException>(program, 'failed');
      const told = message.replace(/\d{3,}/, 'NUMBER');
      const wanted = `Cannot listen on descriptor 4: ${state}, expected a listening TCP or Unix socket`;
      assert.deepEqual([got, told], [code, wanted]);
      assert.doesNotMatch(program.output, /^serving/m);
    },
    {
      skip:
        linuxOnly ||
        (isBun && name === 'seqpacket' && 'Bun serves sequences of packets as a stream, which does no harm'),
    },
  );
}

test(
  'a descriptor that is not open is an error, and nothing is served',
  async () => {
    await using program = handOver([`tcp=${HOST}`], { server: { fd: [3, 999] } });
    assert.deepEqual(await said(program, 'failed'), {
      code: 'EBADF',
      message: 'Cannot listen on descriptor 999: it is not open, expected a listening TCP or Unix socket',
    });
  },
  { skip: linuxOnly },
);

test(
  'a descriptor that another server of the process serves is an error, and that one goes on',
  async () => {
    const twice = { server: { again: true } };
    await using program = handOver([`tcp=${HOST}`], twice);
    const port = await portOf(program);
    const { code, message } = await said<NodeJS.ErrnoException>(program, 'again');
    assert.equal(code, 'EEXIST');
    assert.match(message, /^Cannot listen on descriptor 3: this process uses it already, /);
    await addressesOf(await openConnection({ host: HOST, port }));
  },
  { skip },
);
