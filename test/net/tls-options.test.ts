import assert from 'node:assert/strict';
import { type Connection, openConnection, startServer } from 'maitre';
import { test } from '../support/test.ts';
import { first } from './fixtures/certificates.ts';
import { connectedPair, echo, HOST, withServer } from './sockets.ts';

const trusted = { ca: first.cert, servername: 'localhost' };

/** What startServer says about these options, or undefined when it serves. */
async function refusal(tls: object): Promise<string | undefined> {
  try {
    const server = await startServer(echo, { host: HOST, tls, startServing: false });
    server.close();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof TypeError, String(error));
    return error.message;
  }
}

test('a server must be able to say who it is', async () => {
  const wanted = 'tls must have key and cert (or pfx, SNICallback, pskCallback)';
  for (const [tls, got] of [
    [{}, 'neither'],
    [{ minVersion: 'TLSv1.3' }, 'neither'],
    [{ cert: first.cert }, 'cert without key'],
    [{ key: first.key }, 'key without cert'],
    [{ key: first.key, cert: undefined }, 'key without cert'],
  ] as const) {
    assert.equal(await refusal(tls), `Cannot start server: ${wanted}, got ${got}`);
  }
  for (const tls of [
    first,
    { pfx: Buffer.alloc(1) },
    { SNICallback: () => undefined },
    { pskCallback: () => null },
    { ...first, ca: undefined, requestCert: true, ALPNProtocols: ['x'], minVersion: 'TLSv1.2' },
  ]) {
    assert.equal(await refusal(tls), undefined);
  }
});

test('unknown options of TLS are a TypeError that names them, on every way in', async () => {
  assert.equal(
    await refusal({ ...first, requestCerts: true }),
    'Cannot start server: unknown option "tls.requestCerts"',
  );
  assert.equal(await refusal({ ...first, noDelay: true }), 'Cannot start server: unknown option "tls.noDelay"');
  assert.equal(await refusal({ ...first, constructor: 1 }), 'Cannot start server: unknown option "tls.constructor"');
  await withServer(echo, { tls: first }, async (server, port) => {
    const client = (tls: unknown): Promise<Connection> => openConnection({ host: HOST, port, tls: tls as true });
    await assert.rejects(client({ ...trusted, rejectUnauthorised: false }), {
      name: 'TypeError',
      message: 'Cannot open connection: unknown option "tls.rejectUnauthorised"',
    });
    for (const tls of ['yes', false, null, [], 1, () => undefined]) {
      await assert.rejects(client(tls), { name: 'TypeError', message: /tls must be true or an object of node:tls/ });
    }
    assert.throws(() => server.setSecureContext({ ...first, certs: '' } as object), {
      name: 'TypeError',
      message: 'Cannot set the secure context: unknown option "certs"',
    });
    assert.throws(() => server.setSecureContext({}), { name: 'TypeError', message: /options must have key and cert/ });
    const connection = await client(trusted);
    await connection.close();
  });
});

test('startTls with wrong options is refused before anything is sent, and the connection goes on', async () => {
  const [a, b] = await connectedPair({ host: HOST });
  for (const [options, message] of [
    [{ severname: 'x' }, /^Cannot start TLS: unknown option "severname"$/],
    [[], /^Cannot start TLS: options must be an object of node:tls options, got an array$/],
    [{ isServer: 1 }, /isServer must be true or false, got 1/],
    [{ handshakeTimeout: '5' }, /handshakeTimeout must be a number of milliseconds > 0, got "5"/],
  ] as const) {
    await assert.rejects(a.writer.startTls(options), { name: 'TypeError', message });
  }
  await assert.rejects(a.writer.startTls({ handshakeTimeout: Number.NaN }), RangeError);
  await assert.rejects(b.writer.startTls({}), { name: 'TypeError', message: /options must have key and cert/ });
  await assert.rejects(a.writer.startTls({ isServer: true }), TypeError);
  a.writer.write('hi\n');
  assert.equal(String(await b.reader.readLine()), 'hi\n');
  await Promise.all([a.close(), b.close()]);
});
