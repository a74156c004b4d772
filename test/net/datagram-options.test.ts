import assert from 'node:assert/strict';
import { createDatagramEndpoint, type DatagramOptions } from 'maitre';
import { checkDatagramOptions, checkTarget, onFamily } from '#src/net/datagram-options.js';
import { test } from '../support/test.js';

test('createDatagramEndpoint names the option that is wrong, what was expected and what came', async () => {
  const wrong: [unknown, string, string][] = [
    [null, 'TypeError', 'options must be an object, got null'],
    [[], 'TypeError', 'options must be an object, got an array'],
    [{ colour: 1 }, 'TypeError', 'unknown option "colour"'],
    [{ local: 53 }, 'TypeError', 'local must be an object, got 53'],
    [{ local: { path: 'x' } }, 'TypeError', 'unknown option "local.path"'],
    [{ local: { host: 1 } }, 'TypeError', 'local.host must be a name or address, got 1'],
    [{ local: { host: '' } }, 'RangeError', 'local.host must be a name or address, got ""'],
    [
      { local: { host: '127.0.0.1\0evil' } },
      'RangeError',
      'local.host must be a name or address, got "127.0.0.1\\u0000evil"',
    ],
    [{ local: { port: '53' } }, 'TypeError', 'local.port must be an integer from 0 to 65535, got "53"'],
    [{ local: { port: 65536 } }, 'RangeError', 'local.port must be an integer from 0 to 65535, got 65536'],
    [{ remote: {} }, 'TypeError', 'remote.host must be a name or address, got undefined'],
    [{ remote: { host: 'x' } }, 'TypeError', 'remote.port must be an integer from 1 to 65535, got undefined'],
    [{ remote: { host: 'x', port: 0 } }, 'RangeError', 'remote.port must be an integer from 1 to 65535, got 0'],
    [{ family: 4 }, 'TypeError', 'family must be IPv4 or IPv6, got 4'],
    [{ family: 'udp4' }, 'RangeError', 'family must be IPv4 or IPv6, got "udp4"'],
    [{ overflow: 'block' }, 'RangeError', 'overflow must be dropOldest or dropNewest, got "block"'],
    [{ onOverflow: 'dropOldest' }, 'TypeError', 'unknown option "onOverflow", did you mean overflow?'],
    [{ reuseAddress: 1 }, 'TypeError', 'reuseAddress must be true or false, got 1'],
    [{ broadcast: 'yes' }, 'TypeError', 'broadcast must be true or false, got "yes"'],
    [{ receiveQueue: 0 }, 'RangeError', 'receiveQueue must be an integer from 1 to 2147483647, got 0'],
    [{ receiveQueue: Infinity }, 'RangeError', 'receiveQueue must be an integer from 1 to 2147483647, got Infinity'],
    [{ recvBufferSize: '1' }, 'TypeError', 'recvBufferSize must be an integer from 1 to 2147483647, got "1"'],
    [{ multicast: true }, 'TypeError', 'multicast must be an object, got true'],
    [{ multicast: { ttl: 256 } }, 'RangeError', 'multicast.ttl must be an integer from 0 to 255, got 256'],
    [{ multicast: { join: '239.7.7.7' } }, 'TypeError', 'multicast.join must be an array of groups, got "239.7.7.7"'],
    [{ multicast: { join: ['soup'] } }, 'RangeError', 'a group must be an IPv4 or IPv6 address, got "soup"'],
    [{ multicast: { join: [{ group: 7 }] } }, 'TypeError', 'a group must be an IPv4 or IPv6 address, got 7'],
    [{ multicast: { join: [{ on: 7 }] } }, 'TypeError', 'unknown option "multicast.join.on"'],
  ];
  for (const [options, name, message] of wrong) {
    await assert.rejects(createDatagramEndpoint(options as DatagramOptions), {
      name,
      message: `Cannot create datagram endpoint: ${message}`,
    });
  }
  await assert.rejects(createDatagramEndpoint({ signal: 1 as unknown as AbortSignal }), { name: 'TypeError' });
});

test('checkDatagramOptions takes every option, and undefined for each', () => {
  const options: DatagramOptions = {
    local: { host: '::1', port: 0 },
    remote: { host: '::1', port: 1 },
    family: 'IPv6',
    reuseAddress: true,
    broadcast: true,
    multicast: {
      join: ['ff02::7', { group: 'ff02::8', interface: '::%lo' }],
      interface: '::%lo',
      ttl: 0,
      loopback: false,
    },
    ipv6Only: true,
    receiveQueue: 1,
    overflow: 'dropOldest',
    recvBufferSize: 4096,
    sendBufferSize: 4096,
    signal: undefined,
  };
  checkDatagramOptions(options);
  checkDatagramOptions(Object.fromEntries(Object.keys(options).map((name) => [name, undefined])));
});

test('checkTarget takes a host or the address a datagram came from', () => {
  assert.deepEqual(checkTarget({ host: 'a', port: 1 }, 'to', 'send'), { host: 'a', port: 1 });
  assert.deepEqual(checkTarget({ address: '::1', port: 1, family: 'IPv6' }, 'to', 'send'), { host: '::1', port: 1 });
  assert.throws(
    () => checkTarget('a:1', 'to', 'send'),
    /^TypeError: Cannot send: to must be an object with host and port/,
  );
});

test('onFamily puts IPv4 into clothes of IPv6, and refuses IPv6 on IPv4', () => {
  assert.equal(onFamily('1.2.3.4', 'IPv6', 'send'), '::ffff:1.2.3.4');
  assert.equal(onFamily('1.2.3.4', 'IPv4', 'send'), '1.2.3.4');
  assert.equal(onFamily('soup.example', 'IPv4', 'send'), 'soup.example');
  assert.throws(
    () => onFamily('::1', 'IPv4', 'send'),
    /^RangeError: Cannot send: expected an IPv4 address .* got "::1"$/,
  );
});
