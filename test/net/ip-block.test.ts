import assert from 'node:assert/strict';
import { blockOf } from '#src/net/ip-block.js';
import { test } from '../support/test.ts';

const six = (address: string, prefix = 64): string => blockOf({ address, port: 1, family: 'IPv6' }, prefix);

test('blockOf keeps the first bits of an IPv6 address, in the short form', () => {
  assert.equal(six('2001:db8::1'), '2001:db8::/64');
  assert.equal(six('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(six('2001:db8:1:ffff::', 56), '2001:db8:1:ff00::/56');
  assert.equal(six('2001:db8:1:2:3:4:5:6', 127), '2001:db8:1:2:3:4:5:6/127');
  assert.equal(six('ffff::', 1), '8000::/1');
  assert.equal(six('::1'), '::/64');
  assert.equal(six('64:ff9b::192.0.2.33', 96), '64:ff9b::/96');
  assert.equal(six('64:ff9b::192.0.2.33', 120), '64:ff9b::c000:200/120');
});

test('blockOf keeps zones apart, and leaves IPv4 and whole IPv6 addresses as they are', () => {
  assert.equal(six('fe80::1%eth0'), 'fe80::%eth0/64');
  assert.equal(six('2001:db8::1', 128), '2001:db8::1');
  assert.equal(blockOf({ address: '192.0.2.1', port: 1, family: 'IPv4' }, 64), '192.0.2.1');
});
