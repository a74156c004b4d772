// node bench/messages.mjs [TURNS]
//
// RedisBroadcast beside what plain ioredis does: PUBLISH and SUBSCRIBE, XADD and XREAD BLOCK. One process publishes and
// receives JSON of about 120 bytes over two connections to a redis-server of its own. The sides take turns, so a slow
// moment of the machine affects all. A ratio is the median of the turns' own ratios; above 1, maitre is better.
import { Redis } from 'ioredis';
import { createTask } from 'maitre';
import { RedisBroadcast } from 'maitre/distributed';
import { noRedis, RedisServer } from '../build/test/support/redis.js';
import { median } from './report.mjs';

if (noRedis !== undefined) throw new Error(noRedis);
const turns = Number(process.argv[2] ?? 10);
/** Milliseconds after which no further turn is taken, and after which the whole is given up. */
const [turnLimit, limit] = [5 * 60_000, 8 * 60_000];
setTimeout(() => {
  console.error(`bench/messages.mjs was given up: it has not ended within ${limit / 60_000} minutes`);
  process.exit(1);
}, limit).unref();
const single = 2000;
const many = 20_000;
const item = { text: 'x'.repeat(100) };
/** Longer than what is published: plain XREAD says nothing about what was trimmed. */
const max = 100_000;
const server = await RedisServer.start({ args: ['--appendonly', 'no'] });
let topics = 0;

/** Publishes one after the other, each when the one before was received; then many, 1,000 at a time. */
async function measure(publish, receive) {
  const times = [];
  for (let i = 0; i < single; i++) {
    const begun = performance.now();
    const received = receive(1);
    publish().catch(fail);
    await received;
    times.push(performance.now() - begun);
  }
  const begun = performance.now();
  const cpu = process.cpuUsage();
  const received = receive(many);
  for (let i = 0; i < many; i += 1000) await Promise.all(Array.from({ length: 1000 }, publish));
  await received;
  const ms = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpu);
  return { latency: median(times) * 1000, perSecond: (many / ms) * 1000, cpu: (user + system) / many };
}

/** Calls back when `count` items have come. */
function counter() {
  let left = 0;
  let done;
  return {
    came: () => {
      if (--left === 0) done();
    },
    receive: (count) => {
      left = count;
      return new Promise((resolve) => void (done = resolve));
    },
  };
}

async function plainLive() {
  const [sender, receiver] = [new Redis(server.url), new Redis(server.url)];
  const { came, receive } = counter();
  await receiver.subscribe('plain');
  receiver.on('message', (_channel, text) => came(JSON.parse(text)));
  const result = await measure(() => sender.publish('plain', JSON.stringify(item)), receive);
  await Promise.all([sender.quit(), receiver.quit()]);
  return result;
}

async function plainStream() {
  const [sender, receiver] = [new Redis(server.url), new Redis(server.url)];
  const { came, receive } = counter();
  const key = `plain${++topics}`;
  let isOver = false;
  const reading = (async () => {
    for (let at = '0'; !isOver;) {
      const answer = await receiver.xread('COUNT', 128, 'BLOCK', 100, 'STREAMS', key, at);
      for (const [id, fields] of answer?.[0][1] ?? []) {
        at = id;
        came(JSON.parse(fields[1]));
      }
    }
  })();
  const result = await measure(() => sender.xadd(key, 'MAXLEN', '~', max, '*', 'd', JSON.stringify(item)), receive);
  isOver = true;
  await reading;
  await sender.del(key);
  await Promise.all([sender.quit(), receiver.quit()]);
  return result;
}

async function ours(replay) {
  const options = { redis: server.url, replay: replay && { max } };
  const sender = new RedisBroadcast(`ours${++topics}`, options);
  const receiver = new RedisBroadcast(sender.topic, options);
  const subscription = receiver.subscribe();
  await subscription.ready();
  const { came, receive } = counter();
  const reading = createTask(async () => {
    for await (const each of subscription) came(each);
  });
  const result = await measure(() => sender.publish(item), receive);
  await Promise.all([receiver.shutdown(), sender.shutdown(), reading]);
  return result;
}

const sides = {
  'plain pub/sub': plainLive,
  RedisBroadcast: () => ours(false),
  'plain stream': plainStream,
  'RedisBroadcast, replay': () => ours(true),
};
const results = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
for (let turn = 0; turn <= turns && (turn < 2 || performance.now() < turnLimit); turn++) {
  for (const [name, side] of Object.entries(sides)) {
    const result = await side();
    if (turn > 0) results[name].push(result); // the first one warms up
  }
}
for (const [name, all] of Object.entries(results)) {
  const [latency, perSecond, cpu] = ['latency', 'perSecond', 'cpu'].map((key) => median(all.map((each) => each[key])));
  console.log(`${name}: ${latency.toFixed(0)} us, ${perSecond.toFixed(0)} a second, ${cpu.toFixed(1)} us of CPU each`);
}
for (const [mine, peer] of [
  ['RedisBroadcast', 'plain pub/sub'],
  ['RedisBroadcast, replay', 'plain stream'],
]) {
  const ratio = (key, isLessBetter) =>
    median(
      results[mine].map((each, i) =>
        isLessBetter ? results[peer][i][key] / each[key] : each[key] / results[peer][i][key],
      ),
    );
  console.log(
    `${mine} to ${peer}: latency ${ratio('latency', true).toFixed(2)}, a second ${ratio('perSecond').toFixed(2)}, CPU ${ratio('cpu', true).toFixed(2)}`,
  );
}
await server[Symbol.asyncDispose]();

function fail(error) {
  throw error;
}
