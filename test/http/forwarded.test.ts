// What proxies say of the client counts from trusted peers alone.
import assert from 'node:assert/strict';
import { requestInfo } from 'maitre/http';
import { addressOf } from '#src/http/forwarded.js';
import { test } from '../support/test.js';
import { get, withHttp } from './servers.js';

const app = (request: Request): Response => {
  const { peer, scheme, host, id } = requestInfo(request);
  const from = peer === undefined || 'path' in peer ? '' : peer.address;
  return new Response(`${from} ${scheme} ${host} ${id.length === 36 ? '' : id} ${request.url};`);
};

async function answer(trustedProxies: readonly string[], headers: readonly string[]): Promise<string> {
  return withHttp(app, { trustedProxies }, async (_server, connect) => {
    const client = await connect();
    client.socket.write(get('/x', ...headers));
    await client.receives(';');
    return client.text.slice(client.text.lastIndexOf('\r\n') + 2);
  });
}

const HEADERS = [
  'X-Forwarded-For: 192.0.2.1',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: shop.example',
  'X-Request-Id: abc-1',
];

test('from a stranger, they count for nothing', async () => {
  const own = '127.0.0.1 http here  http://here/x;';
  assert.equal(await answer([], HEADERS), own);
  assert.equal(await answer(['10.0.0.0/8', '::1', 'unix'], HEADERS), own);
});

test('from a trusted peer, they name the client, the scheme, the host and the id', async () => {
  for (const trusted of ['127.0.0.1', '127.0.0.0/8']) {
    assert.equal(await answer([trusted], HEADERS), '192.0.2.1 https shop.example abc-1 https://shop.example/x;');
  }
});

test('the client is the last address that is not trusted: what stands before it may be forged', async () => {
  const trusted = ['127.0.0.0/8', '10.0.0.0/8'];
  const from = async (...headers: string[]): Promise<string> => (await answer(trusted, headers)).split(' ')[0] ?? '';
  assert.equal(await from('X-Forwarded-For: 198.51.100.7, 192.0.2.1, 10.0.0.1'), '192.0.2.1');
  assert.equal(await from('X-Forwarded-For: 198.51.100.7', 'X-Forwarded-For: 192.0.2.1'), '192.0.2.1');
  assert.equal(await from('X-Forwarded-For: 10.0.0.2, 10.0.0.1'), '10.0.0.2');
  assert.equal(await from('X-Forwarded-For: nonsense, 10.0.0.1'), '127.0.0.1');
  assert.equal(await from('Forwarded: for=192.0.2.1;proto=https, for="[2001:db8::1]:80";host=a'), '2001:db8::1');
  assert.equal(await from('Forwarded: for=_hidden'), '127.0.0.1');
  assert.equal(await from('Forwarded: for="unclosed', 'X-Forwarded-For: 192.0.2.1'), '127.0.0.1');
});

test('an id that could confuse a log is made anew', async () => {
  assert.match(await answer(['127.0.0.1'], ['X-Request-Id: a b']), /^127\.0\.0\.1 http here {2}/);
  assert.match(await answer(['127.0.0.1'], [`X-Request-Id: ${'x'.repeat(129)}`]), /^127\.0\.0\.1 http here {2}/);
});

test('addresses are read in every form, and nothing else is', () => {
  const at = (address: string, port = 0) => ({ address, port, family: address.includes(':') ? 'IPv6' : 'IPv4' });
  assert.deepEqual(addressOf('1.2.3.4'), at('1.2.3.4'));
  assert.deepEqual(addressOf('1.2.3.4:80'), at('1.2.3.4', 80));
  assert.deepEqual(addressOf('::1'), at('::1'));
  assert.deepEqual(addressOf('[::1]:80'), at('::1', 80));
  assert.deepEqual(addressOf('::ffff:1.2.3.4'), at('1.2.3.4'));
  for (const text of ['', 'unknown', '_x', '1.2.3', '1.2.3.4:', 'fe80::1%eth0', '[::1', '1.2.3.4:999999']) {
    assert.equal(addressOf(text), undefined, text);
  }
});
