// What is said of TLS that cannot work: which option, and whose certificate.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { openConnection, type ServerOptions, setExceptionHandler, startServer } from 'maitre';
import { test } from '../support/test.ts';
import { first } from './fixtures/certificates.ts';
import { echo, HOST, isDeno, withServer } from './sockets.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const otherKey = privateKey.export({ type: 'pkcs8', format: 'pem' });
const encrypted = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'open sesame' });

/** Options of a server that OpenSSL refuses, and what the error says. */
const faults: readonly (readonly [tls: NonNullable<ServerOptions['tls']>, says: RegExp])[] = [
  [
    { ...first, key: 'no key' },
    /^Cannot set up TLS: tls\.key is not valid \(.+\), expected a private key in PEM form$/,
  ],
  [{ ...first, key: first.cert }, /tls\.key is not valid/],
  [{ ...first, cert: first.key }, /tls\.cert is not valid \(.+\), expected a certificate in PEM form$/],
  [{ ...first, key: otherKey }, /tls\.key does not belong to tls\.cert, expected its private key$/],
  [{ ...first, key: encrypted }, /tls\.key is encrypted, expected its tls\.passphrase$/],
  [{ ...first, key: encrypted, passphrase: 'wrong' }, /tls\.key is encrypted, tls\.passphrase does not open it$/],
  [{ pfx: 'no pfx' }, /tls\.pfx is not valid \(.+\), expected a key and its certificate in PKCS#12 form$/],
  [{ ...first, crl: 'no list' }, /tls\.crl is not valid/],
  [{ ...first, ciphers: 'ROT13' }, /tls\.ciphers is not valid \(no.cipher.match\)/i],
];

test(
  'what OpenSSL refuses is named by its option',
  async () => {
    for (const [tls, says] of faults) {
      await assert.rejects(startServer(echo, { host: HOST, tls }), (error: NodeJS.ErrnoException) => {
        assert.equal(error.name, 'RangeError');
        assert.match(error.message, says);
        assert.ok(error.cause instanceof Error);
        assert.equal(error.code, (error.cause as NodeJS.ErrnoException).code);
        return true;
      });
    }
  },
  { skip: isDeno && 'Deno looks at keys and certificates only in the handshake' },
);

test(
  'setSecureContext, openConnection and startTls name it too',
  async () => {
    await withServer(echo, { tls: first }, async (server, port) => {
      assert.throws(
        () => server.setSecureContext({ ...first, cert: 'none' }),
        /^RangeError: .*: tls\.cert is not valid/,
      );
      await assert.rejects(
        openConnection({ host: HOST, port, tls: { ca: first.cert, key: 'none' } }),
        /tls\.key is not/,
      );
    });
    await withServer(echo, {}, async (_server, port) => {
      for (const isServer of [true, false]) {
        await using client = await openConnection({ host: HOST, port });
        await assert.rejects(
          client.writer.startTls({ ...first, key: 'none', isServer }),
          /^RangeError: Cannot set up TLS: key is not valid/,
        );
      }
    });
  },
  { skip: isDeno && 'Deno looks at keys and certificates only in the handshake' },
);

test("a server's certificate that is refused is named with its host, and keeps the code of node:tls", async () => {
  await withServer(echo, { tls: first, onError: () => undefined }, async (_server, port) => {
    using _ = setExceptionHandler(() => undefined); // the server's side of these handshakes
    for (const [tls, host, why, code] of [
      [true, 'localhost', /self.signed/, /SELF_SIGNED/],
      [{ ca: first.cert, servername: 'elsewhere' }, HOST, /elsewhere/, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ] as const) {
      await assert.rejects(openConnection({ host, port, tls }), (error: NodeJS.ErrnoException) => {
        const begin = `Cannot connect to ${host}: its certificate was refused, `;
        assert.ok(error.message.startsWith(begin), error.message);
        assert.match(error.message.slice(begin.length), why);
        assert.match(error.code ?? '', new RegExp(code));
        return true;
      });
    }
  });
});

test('a handshake that fails for another reason is not blamed on the certificate', async () => {
  await withServer(
    (_reader, writer) => writer.write('220 hello\r\n'),
    {},
    async (_server, port) => {
      await assert.rejects(openConnection({ host: HOST, port, tls: true }), (error: Error) => {
        assert.doesNotMatch(error.message, /certificate/);
        return true;
      });
    },
  );
});
