import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  type Address,
  formatAddress,
  Future,
  IncompleteReadError,
  LimitOverrunError,
  openConnection,
  type Refusal,
  sleep,
  StreamReader,
} from 'maitre';
import { readProxyHeader } from '#src/net/proxy-protocol.js';
import { test } from '../support/test.ts';
import { first } from './fixtures/certificates.ts';
import { echo, HOST, withServer } from './sockets.ts';

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

function version2(command: number, family: number, block: readonly number[]): Buffer {
  return Buffer.from([...SIGNATURE, command, family, block.length >> 8, block.length & 255, ...block]);
}

async function read(bytes: Uint8Array | string, rest = ''): Promise<unknown> {
  const reader = new StreamReader();
  for (const byte of Buffer.concat([Buffer.from(bytes), Buffer.from(rest)])) reader.feedData(Buffer.from([byte]));
  reader.feedEof();
  const header = await readProxyHeader(reader);
  assert.equal(String(await reader.read()), rest); // nothing after it was taken
  return header;
}

const four = { address: '192.0.2.1', port: 56324, family: 'IPv4' };
const localFour = { address: '192.0.2.9', port: 443, family: 'IPv4' };

test('version 1: both ends are read, and nothing after the line is taken', async () => {
  assert.deepEqual(await read('PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n', 'GET /'), {
    peer: four,
    local: localFour,
  });
  assert.deepEqual(await read('PROXY TCP6 2001:db8::1 ::1 1 65535\r\n', ''), {
    peer: { address: '2001:db8::1', port: 1, family: 'IPv6' },
    local: { address: '::1', port: 65535, family: 'IPv6' },
  });
  assert.equal(await read('PROXY UNKNOWN ffff::ffff x y z\r\n', 'hi'), undefined);
});

test('version 2: TCP over IPv4 and IPv6, Unix sockets, LOCAL, UNSPEC, extensions', async () => {
  const addresses = [192, 0, 2, 1, 192, 0, 2, 9, 0xdc, 0x04, 0x01, 0xbb];
  assert.deepEqual(await read(version2(0x21, 0x11, addresses), 'hi'), { peer: four, local: localFour });
  assert.deepEqual(await read(version2(0x21, 0x11, [...addresses, 1, 0, 2, 9, 9]), 'hi'), {
    peer: four,
    local: localFour,
  });
  const six = [0x20, 0x01, 0x0d, 0xb8, ...Array<number>(11).fill(0), 1];
  const header = (await read(version2(0x21, 0x21, [...six, ...six, 0, 1, 0, 2]))) as { peer: Address };
  assert.deepEqual(header.peer, { address: '2001:db8::1', port: 1, family: 'IPv6' });
  const path = [...Buffer.from('/run/x'), ...Array<number>(102).fill(0)];
  assert.deepEqual(await read(version2(0x21, 0x31, [...path, ...path])), {
    peer: { path: '/run/x' },
    local: { path: '/run/x' },
  });
  assert.equal(await read(version2(0x20, 0x00, []), 'hi'), undefined);
  assert.equal(await read(version2(0x21, 0x00, [1, 2, 3]), 'hi'), undefined);
});

/** A block of two Unix addresses, padded with zero bytes. */
function paths(peer: string, local: string): number[] {
  return [peer, local].flatMap((path) => [
    ...Buffer.from(path),
    ...Array<number>(108 - Buffer.byteLength(path)).fill(0),
  ]);
}

test('version 2: abstract names of Unix sockets keep their zero byte, and one without a name has none', async () => {
  assert.deepEqual(await read(version2(0x21, 0x31, paths('\0soup', '/run/x'))), {
    peer: { path: '\0soup' },
    local: { path: '/run/x' },
  });
  const header = await read(version2(0x21, 0x31, paths('', '\0kitchen')));
  assert.deepEqual(header, { peer: { path: '' }, local: { path: '\0kitchen' } });
  assert.equal(formatAddress({ path: '\0soup' }), '@soup');
  const full = 'x'.repeat(108);
  assert.deepEqual(await read(version2(0x21, 0x31, paths(full, `\0${full.slice(1)}`))), {
    peer: { path: full },
    local: { path: `\0${full.slice(1)}` },
  });
});

test('a header with a control character is refused, and what is said of it has none', async () => {
  const controls = [...Array(32).keys(), 0x7f, ...Array.from({ length: 32 }, (_, i) => 0x80 + i)];
  for (const code of controls) {
    const character = String.fromCharCode(code);
    const headers = [
      Buffer.from(`PROXY UNKNOWN ${character}x\r\n`, 'latin1'),
      Buffer.from(`PROXY TCP4 192.0.2.1${character} 192.0.2.9 56324 443\r\n`, 'latin1'),
      Buffer.from(`PROXY ${character}TCP4 192.0.2.1 192.0.2.9 56324 443\r\n`, 'latin1'),
      ...(code === 0 ? [] : [version2(0x21, 0x31, paths(`/run/${character}[31m`, '/run/x'))]), // else it ends the path
      version2(0x21, 0x31, paths('/run/x', `\0a${character}b`)),
    ];
    for (const header of headers) {
      await assert.rejects(read(header), ({ message }: Error) => {
        assert.match(message, /^Cannot read the PROXY protocol header: got a (line|path) with a control character$/);
        return true;
      });
    }
  }
});

test('version 2: unknown families and protocols are refused, those that say nothing of a stream are not', async () => {
  for (const family of [0x41, 0x13, 0xff, 0x40, 0x14, 0x33, 0x03, 0x0f]) {
    const text = family.toString(16).padStart(2, '0');
    await assert.rejects(read(version2(0x21, family, Array<number>(216).fill(1))), {
      message: `Cannot read the PROXY protocol header: got the unknown family and protocol 0x${text}`,
    });
    assert.equal(await read(version2(0x20, family, [1, 2, 3]), 'hi'), undefined); // LOCAL: the rest is not looked at
  }
  for (const family of [0x00, 0x01, 0x02, 0x10, 0x12, 0x22, 0x32, 0x20]) {
    assert.equal(await read(version2(0x21, family, [1, 2, 3]), 'hi'), undefined);
  }
});

test("IPv4 in IPv6's clothes, as listeners of both families see it, is IPv4 in both versions", async () => {
  const one = await read('PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.9 56324 443\r\n');
  const mapped = [...Array<number>(10).fill(0), 255, 255];
  const block = [...mapped, 192, 0, 2, 1, ...mapped, 192, 0, 2, 9, 0xdc, 0x04, 0x01, 0xbb];
  for (const header of [one, await read(version2(0x21, 0x21, block))]) {
    assert.deepEqual(header, { peer: four, local: localFour });
  }
});

test('a malformed header is refused, whatever is wrong with it', async () => {
  for (const bytes of [
    'GET / HTTP/1.1\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.9 56324\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.9 56324 443 1\r\n',
    'PROXY TCP4 192.0.2.256 192.0.2.9 56324 443\r\n',
    'PROXY TCP4 ::1 192.0.2.9 56324 443\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 56324 443\r\n',
    'PROXY TCP6 192.0.2.1 ::1 56324 443\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.9 65536 443\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.9 056 443\r\n',
    'PROXY UDP4 192.0.2.1 192.0.2.9 56324 443\r\n',
    version2(0x11, 0x11, []),
    version2(0x22, 0x11, []),
    version2(0x21, 0x11, [1, 2, 3]),
    version2(0x21, 0x31, [1, 2, 3]),
    Buffer.from([...SIGNATURE, 0x21, 0x11, 0xff, 0xff]),
    Buffer.from([...SIGNATURE.slice(0, 11), 0x0b, 0x21, 0x11, 0, 0]),
  ]) {
    await assert.rejects(read(bytes), /Cannot read the PROXY protocol header/, String(bytes));
  }
  await assert.rejects(read(`PROXY TCP4 ${'1'.repeat(200)}\r\n`), LimitOverrunError);
  await assert.rejects(read('PROXY TCP4 192'), IncompleteReadError);
});

test('version 2: 4,096 bytes of addresses and extensions are taken, and one more is refused', async () => {
  const addresses = [192, 0, 2, 1, 192, 0, 2, 9, 0xdc, 0x04, 0x01, 0xbb];
  const block = (size: number): number[] => [...addresses, ...Array<number>(size - addresses.length).fill(0)];
  assert.deepEqual(await read(version2(0x21, 0x11, block(4096)), 'hi'), { peer: four, local: localFour });
  await assert.rejects(read(version2(0x21, 0x11, block(4097))), { message: /got 4097 bytes of addresses$/ });
});

test('random bytes never give more than the documented errors', async () => {
  const begins = fc.constantFrom(
    Buffer.from('PROXY '),
    Buffer.from('PROXY TCP4 '),
    Buffer.from(SIGNATURE),
    Buffer.alloc(0),
  );
  await fc.assert(
    fc.asyncProperty(begins, fc.uint8Array({ maxLength: 300 }), async (begin, bytes) => {
      const reader = new StreamReader();
      reader.feedData(Buffer.concat([begin, bytes, Buffer.from('x')]));
      reader.feedEof();
      try {
        await readProxyHeader(reader);
      } catch (error) {
        const documented = error instanceof IncompleteReadError || error instanceof LimitOverrunError;
        if (!documented) assert.match(String(error), /Cannot read the PROXY protocol header/);
      }
    }),
    { numRuns: 500 },
  );
});

test('connection.peer is the client behind the balancer; a client without a header is ended and reported', async () => {
  const refused: Refusal[] = [];
  const peers: Address[] = [];
  const handler = async (...[reader, writer, connection]: Parameters<typeof echo>): Promise<void> => {
    peers.push(connection.peer);
    assert.equal(writer.getExtraInfo('peername'), connection.peer);
    await echo(reader, writer, connection);
  };
  const onError = (error: unknown): void => assert.fail(String(error)); // no handler ran
  const options = { proxyProtocol: true, onRefused: (refusal: Refusal) => void refused.push(refusal), onError };
  await withServer(handler, options, async (_server, port) => {
    const good = await openConnection({ host: HOST, port });
    good.writer.write('PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\nhi\n');
    assert.equal(String(await good.reader.readLine()), 'hi\n');
    assert.deepEqual(peers, [four]);
    const bad = await openConnection({ host: HOST, port });
    bad.writer.write('hi, let me in\n');
    assert.equal(String(await bad.reader.read().catch(() => '')), '');
    assert.equal(refused.length, 1);
    assert.equal(refused[0]?.code, 'proxyProtocol');
    assert.equal(refused[0].message, 'Cannot read the PROXY protocol header: got something else');
    assert.deepEqual(refused[0].peer, bad.local);
    await bad.close();
    await good.close();
  });
});

test('a connection without a byte, as health checks make them, is no error; nor is one that the end of the server meets', async () => {
  const refused: Refusal[] = [];
  const onError = (error: unknown): void => assert.fail(String(error)); // no handler ran
  const options = { proxyProtocol: true, onRefused: (refusal: Refusal) => void refused.push(refusal), onError };
  await withServer(echo, options, async (server, port) => {
    const check = await openConnection({ host: HOST, port });
    await check.close();
    const waiting = await openConnection({ host: HOST, port });
    const half = await openConnection({ host: HOST, port });
    half.writer.write('PROXY TC');
    await half.close();
    while (server.connections.size > 1) await sleep(1);
    assert.deepEqual(await server.shutdown({ grace: 2000 }), { finished: 1, cancelled: 0, aborted: 0 });
    await waiting.close();
  });
  assert.deepEqual(
    refused.map(({ code, error }) => [code, (error as Error).name]),
    [['proxyProtocol', 'IncompleteReadError']], // of the one that had begun
  );
});

test('TLS comes after the header', async () => {
  await withServer(echo, { proxyProtocol: true, tls: first }, async (_server, port) => {
    const client = await openConnection({ host: HOST, port });
    client.writer.write('PROXY TCP4 192.0.2.1 192.0.2.9 56324 443\r\n');
    await client.writer.startTls({ ca: first.cert, servername: 'localhost' });
    client.writer.write('hi\n');
    assert.equal(String(await client.reader.readLine()), 'hi\n');
    await client.close();
  });
});

function hasHaproxy(): boolean {
  try {
    execFileSync('haproxy', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false; // not installed
  }
}

const skip = hasHaproxy() || process.env['CI'] !== undefined ? false : 'haproxy is not installed';

for (const version of ['send-proxy', 'send-proxy-v2']) {
  test(
    `a real haproxy with ${version} is understood`,
    async () => {
      const peers: Address[] = [];
      const handler = async (...[reader, writer, connection]: Parameters<typeof echo>): Promise<void> => {
        peers.push(connection.peer);
        await echo(reader, writer, connection);
      };
      await withServer(handler, { proxyProtocol: true }, async (_server, port) => {
        const folder = mkdtempSync(join(tmpdir(), 'maitre-haproxy-'));
        const path = join(folder, 'front.sock');
        const front = 10_000 + (process.pid % 20_000); // below those that the kernel gives to clients
        writeFileSync(
          join(folder, 'haproxy.cfg'),
          [
            'defaults',
            '  mode tcp',
            '  timeout connect 2s',
            '  timeout client 5s',
            '  timeout server 5s',
            'listen front',
            `  bind ${HOST}:${front}`,
            `  bind unix@${path}`,
            `  server back ${HOST}:${port} ${version}`,
            '',
          ].join('\n'),
        );
        const haproxy = spawn('haproxy', ['-f', join(folder, 'haproxy.cfg'), '-db'], { stdio: 'ignore' });
        const gone = new Future<void>();
        haproxy.on('close', () => gone.answer());
        try {
          const client = await connectWhenUp(front);
          client.writer.write('hi\n');
          assert.equal(String(await client.reader.readLine()), 'hi\n');
          assert.deepEqual(peers, [client.local]);
          await client.close();
        } finally {
          haproxy.kill('SIGKILL');
          await gone;
          rmSync(folder, { recursive: true });
        }
      });
    },
    { skip },
  );
}

async function connectWhenUp(port: number): ReturnType<typeof openConnection> {
  for (let tries = 1; ; tries++) {
    try {
      return await openConnection({ host: HOST, port });
    } catch (error) {
      if (tries === 100) throw error;
      await sleep(50);
    }
  }
}
