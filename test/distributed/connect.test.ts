// Connections to Redis: the clear errors, and what survives a restart.
import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { ConnectionLostError } from 'maitre';
import { closeRedis, describeRedis, loadPackage, openRedis, redisAddress } from '#src/distributed/connect.js';
import { noRedis, RedisServer } from '../support/redis.js';
import { test } from '../support/test.js';

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

test('a package that is not installed is one error with the command that installs it', async () => {
  const load = (): Promise<unknown> => {
    throw Object.assign(new Error("Cannot find package 'ioredis' imported from x"), { code: 'ERR_MODULE_NOT_FOUND' });
  };
  await assert.rejects(loadPackage('create executor', 'ioredis', load), /\n {4}npm install bullmq ioredis$/);
});

test('the option redis is checked, and shown without a password', () => {
  for (const bad of [undefined, 5, 'localhost', 'http://localhost', {}])
    assert.throws(() => redisAddress('create executor', 'redis', bad), /redis must be a URL such as/);
  for (const good of ['redis://a', 'rediss://a:1/2', '/run/redis.sock', 'unix:///run/redis.sock', new URL('redis://a')])
    redisAddress('create executor', 'redis', good);
  assert.equal(describeRedis('redis://cook:secret@db.example'), 'db.example:6379');
  assert.equal(describeRedis('unix:///run/redis.sock'), '/run/redis.sock');
});
