import assert from 'node:assert/strict';
import { formatAddress } from 'maitre';
import { toAddress } from '#src/net/address.js';
import { test } from '../support/test.js';

test('formatAddress puts IPv6 in brackets, and knows Unix sockets without a name, or with an abstract one', () => {
  assert.equal(formatAddress({ address: '127.0.0.1', port: 80, family: 'IPv4' }), '127.0.0.1:80');
  assert.equal(formatAddress({ address: '::1', port: 80, family: 'IPv6' }), '[::1]:80');
  assert.equal(formatAddress({ path: '/run/x' }), '/run/x');
  assert.equal(formatAddress({ path: '' }), '(unnamed Unix socket)');
  assert.equal(formatAddress({ path: '\0soup\0' }), '@soup@');
});

test('formatAddress is one line without control characters, whatever a header said', () => {
  assert.equal(formatAddress({ path: '/x\n\x1b[2J\x9b' }), '/x\\n\\x1b[2J\\x9b');
  assert.equal(formatAddress({ address: '1\r\x7f', port: 1, family: 'IPv4' }), '1\\r\\x7f:1');
});

test('toAddress tells the families apart, and takes IPv4 out of its IPv6 clothes', () => {
  assert.deepEqual(toAddress('10.0.0.1', 5), { address: '10.0.0.1', port: 5, family: 'IPv4' });
  assert.deepEqual(toAddress('fe80::1', 5), { address: 'fe80::1', port: 5, family: 'IPv6' });
  assert.deepEqual(toAddress('::ffff:10.0.0.1', 5), { address: '10.0.0.1', port: 5, family: 'IPv4' });
  assert.deepEqual(toAddress('::FFFF:10.0.0.1', 5), { address: '10.0.0.1', port: 5, family: 'IPv4' });
});

test('toAddress of a peer that has left already is an empty address, not an error', () => {
  assert.deepEqual(toAddress(undefined, undefined), { address: '', port: 0, family: 'IPv4' });
});
