// Connections to Redis: the clear errors, and what survives a restart.
import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { ConnectionLostError } from 'maitre';
import { closeRedis, describeRedis, endRedis, loadPackage, openRedis, redisAddress } from '#src/distributed/connect.js';
import { noRedis, RedisServer } from '../support/redis.js';
import { test } from '../support/test.js';
import { untilTrue } from '../support/waits.js';
import { SilentWire } from './silent-wire.js';

const redis = await RedisServer.shared();

test(
  'a connection opens by URL and by a client of the program, which stays open',
  async () => {
    const own = new Redis(redis.url);
    for (const address of [redis.url, new URL(redis.url), own]) {
      const client = await openRedis('test', address);
      assert.equal(await client.ping(), 'PONG');
      await closeRedis(client);
    }
    assert.equal(await own.ping(), 'PONG');
    await own.quit();
  },
  { skip: noRedis },
);

test(
  'a connection comes back after a restart of Redis, and what was asked meanwhile is answered',
  async () => {
    await using server = await RedisServer.start();
    const client = await openRedis('test', server.url);
    await client.set('a', '1');
    await server.kill();
    const asked = client.get('a');
    await server.start();
    assert.equal(await asked, '1');
    await closeRedis(client);
  },
  { skip: noRedis },
);

test('where no Redis answers, one error says where, and what to do', async () => {
  await assert.rejects(openRedis('create executor', 'redis://cook:secret@127.0.0.1:1/0'), (error: unknown) => {
    assert.ok(error instanceof ConnectionLostError);
    assert.match(
      error.message,
      /^Cannot create executor: no Redis answers at 127\.0\.0\.1:1 \(.*\); start redis-server/,
    );
    assert.doesNotMatch(error.message, /secret|\n/);
    return true;
  });
  await assert.rejects(openRedis('test', '/nowhere/redis.sock'), /no Redis answers at \/nowhere\/redis\.sock/);
});

test(
  'a Redis that refuses the connection is told apart from one that is not there',
  async () => {
    await using server = await RedisServer.start();
    const database = `${server.url}/99`;
    await assert.rejects(openRedis('create executor', database), (error: unknown) => {
      assert.ok(error instanceof ConnectionLostError);
      assert.match(
        error.message,
        /^Cannot create executor: the Redis at 127\.0\.0\.1:\d+ refuses the connection \(ERR DB index is out of range\); write its user, password and database into the URL/,
      );
      return true;
    });
    await server.ask('CONFIG SET requirepass secret');
    for (const url of [server.url, server.url.replace('//', '//:wrong@')])
      await assert.rejects(
        openRedis('test', url),
        /refuses the connection \((?:NOAUTH|WRONGPASS) .*\); write its user/,
      );
  },
  { skip: noRedis },
);

test('a server that accepts the connection and says nothing is no Redis, after a bounded time', async () => {
  await using wire = await SilentWire.start(1);
  wire.cut();
  await assert.rejects(openRedis('start worker', `redis://127.0.0.1:${wire.port}`), {
    name: 'ConnectionLostError',
    message:
      /^Cannot start worker: no Redis answers at .* \(it was not ready within 10000 ms\); start redis-server there/,
  });
});

test(
  'what was on its way when the connection was lost rejects when it is closed before it is back',
  async () => {
    await using server = await RedisServer.start();
    const client = await openRedis('test', server.url);
    await server.freeze();
    const asked = client.get('a');
    client.disconnect(true); // it is opened again, and Redis says nothing
    await untilTrue(() => client.status === 'connect');
    const rejected = assert.rejects(asked, /Connection is closed/);
    await endRedis(client);
    await rejected;
    server.thaw();
  },
  { skip: noRedis },
);

test('a package that is not installed is one error with the command that installs it', async () => {
  const load = (): Promise<unknown> => {
    throw Object.assign(new Error("Cannot find package 'ioredis' imported from x"), { code: 'ERR_MODULE_NOT_FOUND' });
  };
  await assert.rejects(loadPackage('create executor', 'ioredis', load), /\n {4}npm install bullmq ioredis$/);
});

test('the option redis is checked, and shown without a password', () => {
  for (const bad of [undefined, 5, 'localhost', 'http://localhost', 'redis://a/jobs', {}])
    assert.throws(() => redisAddress('create executor', 'redis', bad), /redis must be a URL such as/);
  for (const good of ['redis://a', 'rediss://a:1/2', '/run/redis.sock', 'unix:///run/redis.sock', new URL('redis://a')])
    redisAddress('create executor', 'redis', good);
  assert.equal(describeRedis('redis://cook:secret@db.example'), 'db.example:6379');
  assert.equal(describeRedis('unix:///run/redis.sock'), '/run/redis.sock');
});
