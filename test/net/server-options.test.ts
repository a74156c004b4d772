import assert from 'node:assert/strict';
import { startServer } from 'maitre';
import { test } from '../support/test.js';

const wrongTypes: Record<string, readonly unknown[]> = {
  host: [1, null, {}, [1], ['127.0.0.1', null]],
  port: ['80', null, [80], 80n],
  path: [1, null, {}],
  fd: ['3', null, {}, [3, '4'], 3n],
  limit: ['1', null, {}],
  backlog: ['1', null],
  maxConnections: ['1', null],
  concurrency: ['1', null],
  maxBuffered: ['1', null],
  reusePort: [1, 'yes', null],
  startServing: [0, 'no', null],
  noDelay: [1, null],
  keepAlive: [1, null],
  onError: ['log', null, {}],
  onRefused: ['log', null, {}],
  onEnd: ['log', null, {}],
  maxPerIp: ['1', null],
  maxPerIpPrefix: ['64', null, 64n],
  mode: ['660', null],
  tls: ['yes', true, null, [], 5],
  idleTimeout: ['1', null],
  closeNotifyTimeout: ['1', null],
};

const wrongValues: Record<string, readonly unknown[]> = {
  host: [[], '127.0.0.1\0evil', ['127.0.0.1', 'localhost\0'], 'local host', '127.0.0.1\n'],
  port: [-1, 65_536, 1.5, Number.NaN, Infinity],
  path: ['', `/tmp/${'x'.repeat(200)}`, '/tmp/a\0b', '/tmp/a\0'],
  fd: [-1, 1.5, Number.NaN, [], [3, -1], [3, 4, 3]],
  limit: [0, -1, 1.5, Number.NaN],
  backlog: [0, -1, 1.5, Number.NaN, Infinity, 2 ** 31, 1e10],
  maxConnections: [0, -1, 1.5, Number.NaN],
  concurrency: [0, -1, 1.5, Number.NaN],
  maxBuffered: [0, -1, 1.5, Number.NaN],
  maxPerIp: [0, -1, 1.5, Number.NaN],
  maxPerIpPrefix: [0, 129, 1.5, Number.NaN, Infinity],
  minReceiveRate: [0, -1, 1.5, Number.NaN, Infinity],
  mode: [-1, 0o1000, 1.5, Number.NaN],
  idleTimeout: [0, -1, Number.NaN],
  closeNotifyTimeout: [0, -1, Number.NaN],
};

const start = (options: object): Promise<unknown> => startServer(() => undefined, options);

for (const [kind, table] of [
  ['TypeError', wrongTypes],
  ['RangeError', wrongValues],
] as const) {
  for (const [name, values] of Object.entries(table)) {
    test(`${name}: a wrong ${kind === 'TypeError' ? 'type' : 'value'} is a ${kind} that names it`, async () => {
      for (const value of values) {
        await assert.rejects(start({ [name]: value }), (error: Error) => {
          assert.equal(error.name, kind, `${name}: ${String(value)} gave ${error}`);
          assert.match(error.message, new RegExp(`^Cannot start server: .*${name === 'host' ? 'hosts?' : name}`));
          return true;
        });
      }
    });
  }
}

test('an unknown option is a TypeError that names it', async () => {
  await assert.rejects(start({ hots: 'x' }), {
    name: 'TypeError',
    message: 'Cannot start server: unknown option "hots"',
  });
  await assert.rejects(start({ shutdownTimeout: 1 }), {
    name: 'TypeError',
    message: 'Cannot start server: unknown option "shutdownTimeout", did you mean closeNotifyTimeout?',
  });
});

test('options that are an array are refused: none of their elements is an option', async () => {
  await assert.rejects(start([]), { name: 'TypeError', message: /options must be an object, got an array/ });
});

test('mode is for a path alone, reusePort for ports', async () => {
  const wrong = { name: 'TypeError' };
  await assert.rejects(start({ mode: 0o660 }), { ...wrong, message: /mode is for path/ });
  await assert.rejects(start({ mode: 0o660, port: 0 }), { ...wrong, message: /mode is for path/ });
  await assert.rejects(start({ mode: 0o660, path: '\0x' }), { ...wrong, message: /mode is for files/ });
  await assert.rejects(start({ reusePort: true, path: '/x' }), { ...wrong, message: /reusePort is for ports/ });
});

test('path excludes host and port', async () => {
  for (const options of [
    { path: '/x', port: 1 },
    { path: '/x', host: 'x' },
  ]) {
    await assert.rejects(start(options), { name: 'TypeError', message: /either path, or host and port/ });
  }
});

test('fd excludes host, port, path and reusePort', async () => {
  for (const options of [{ port: 1 }, { host: 'x' }, { path: '/x' }]) {
    await assert.rejects(start({ fd: 3, ...options }), { name: 'TypeError', message: /either fd, or an address/ });
  }
  await assert.rejects(start({ fd: 3, reusePort: true }), { name: 'TypeError', message: /reusePort is for addresses/ });
  const server = await startServer(() => undefined, { fd: [3, 4], reusePort: false, startServing: false });
  server.close(); // has never had them
});

test('undefined is as good as absent, and Infinity is no limit', async () => {
  const absent = Object.fromEntries(Object.keys(wrongTypes).map((name) => [name, undefined]));
  const server = await startServer(() => undefined, {
    ...absent,
    startServing: false,
    maxConnections: Infinity,
    concurrency: Infinity,
    maxBuffered: Infinity,
    limit: Infinity,
  });
  assert.equal(server.isServing(), false);
  server.close();
});
