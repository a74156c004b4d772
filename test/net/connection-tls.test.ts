import assert from 'node:assert/strict';
import type { TLSSocket } from 'node:tls';
import { type Connection, Future, openConnection } from 'maitre';
import { tlsOf } from '#src/net/connection-tls.js';
import { test } from '../support/test.ts';
import { first, renewed } from './fixtures/certificates.ts';
import { isNode, withServer } from './sockets.ts';

test(
  'connection.tls has what the handshake settled, on both ends and after the end',
  async () => {
    const accepted = new Future<Connection>();
    const tls = {
      ...first,
      ALPNProtocols: ['two', 'one'],
      requestCert: true,
      rejectUnauthorized: false,
      ca: first.cert,
    };
    await withServer(
      async (reader, _writer, connection) => {
        accepted.setResult(connection);
        await reader.read();
      },
      { tls },
      async (_server, port) => {
        const ours = { ca: first.cert, key: renewed.key, cert: renewed.cert, ALPNProtocols: ['one'] };
        const client = await openConnection({ host: 'localhost', port, tls: ours });
        const server = await accepted;
        for (const end of [client, server]) {
          assert.equal(end.tls?.protocol, 'TLSv1.3');
          assert.match(end.tls.cipher?.name ?? '', /^TLS_/);
          assert.equal(end.tls.alpn, 'one');
          assert.equal(end.tls.servername, 'localhost');
          assert.equal(end.tls.peerCertificate?.subject.CN, end === client ? 'localhost' : 'renewed');
          assert.equal(end.tls, end.tls);
        }
        assert.equal(client.tls?.authorized, true);
        assert.equal(server.tls?.authorized, false); // nobody vouches for the client's
        const { fingerprint256 } = client.tls.peerCertificate ?? {};
        assert.notEqual(fingerprint256, server.tls.peerCertificate?.fingerprint256);
        await client.close();
        await server.close();
        assert.equal(client.tls.protocol, 'TLSv1.3');
        assert.equal(client.tls.peerCertificate?.fingerprint256, fingerprint256);
      },
    );
  },
  { skip: !isNode && 'other runtimes lack parts of it' },
);

test(
  'without ALPN, a name or a certificate there is none; read for the first time after the end, a certificate is none',
  async () => {
    const accepted = new Future<Connection>();
    await withServer(
      async (reader, _writer, connection) => {
        accepted.setResult(connection);
        await reader.read();
      },
      { tls: first },
      async (_server, port) => {
        const client = await openConnection({ host: '127.0.0.1', port, tls: { ca: first.cert } });
        const server = await accepted;
        assert.deepEqual(
          [server.tls?.alpn, server.tls?.servername, server.tls?.peerCertificate],
          [undefined, undefined, undefined],
        );
        assert.equal(client.tls?.servername, undefined);
        await client.close();
        await server.close();
        assert.equal(client.tls?.peerCertificate, undefined);
      },
    );
  },
  { skip: !isNode && 'other runtimes lack parts of it' },
);

test('a runtime that lacks parts of it, or throws, has undefined in their place', () => {
  const fail = (): never => {
    throw new Error('not implemented');
  };
  const socket = {
    getProtocol: fail,
    getCipher: undefined,
    getPeerCertificate: () => null,
    alpnProtocol: false,
    authorized: true,
  };
  const { protocol, cipher, alpn, servername, authorized, peerCertificate } = tlsOf(socket as unknown as TLSSocket);
  assert.deepEqual([protocol, cipher, alpn, servername, peerCertificate], Array(5).fill(undefined));
  assert.equal(authorized, true);
});
