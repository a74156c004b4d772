// node bench/distributed.mjs [TURNS]
//
// Empty jobs, maitre beside plain BullMQ on the same Redis: one after the other, and fifty at once; and how long a cancel
// takes to come back from a job that runs. The callers of both sides are in one process and take turns, and so are their
// workers, in another one. So a slow moment of the machine affects both. A ratio is the median of the turns' own ratios;
// above 1, maitre is faster. CPU time and commands are steadier than seconds: they are those of one job, on a machine that
// has other work, too.
//
// Plain BullMQ is used as well as it can be: ids of its own, one QueueEvents, results kept by age and number, and a channel
// for cancels, which it does not have. Who cancels has an AbortController on both sides. Jobs of one turn warm both up.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Queue, QueueEvents, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { BullExecutor, jobSignal, report, worker } from 'maitre/distributed';
import { noRedis, RedisServer } from '../build/test/support/redis.js';
import { quantile } from './report.mjs';

const concurrency = 50;
const goal = 0.9;
/** Milliseconds after which a comparison takes no further turn, and after which the whole is given up. */
const [comparisonLimit, limit] = [90_000, 8 * 60_000];
const keep = { removeOnComplete: { age: 60, count: 10_000 }, removeOnFail: { count: 10_000 }, stackTraceLimit: 0 };
const plainName = 'plain';

export const nothing = (value) => value;

export async function untilCancelled() {
  report('began');
  const signal = jobSignal();
  if (!signal.aborted) await once(signal, 'abort');
}

/** The workers of both sides, in a process of their own. */
async function serve(url) {
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const plain = new Worker(
    plainName,
    async (job, _token, signal) => {
      if (job.name === 'nothing') return job.data.value;
      await job.updateProgress('began');
      if (!signal.aborted) await once(signal, 'abort');
      throw new Error('cancelled');
    },
    { connection, concurrency },
  );
  plain.on('error', () => undefined);
  const subscriber = new Redis(url, { maxRetriesPerRequest: null });
  await subscriber.subscribe('plain:cancel');
  subscriber.on('message', (_channel, id) => plain.cancelJob(id));
  await worker({ redis: url, modules: { distributed: { nothing, untilCancelled } }, concurrency });
  process.on('message', () => process.send(process.cpuUsage()));
  process.on('disconnect', () => process.exit());
  process.send('ready');
}

/** Plain BullMQ with a Map of its own. */
class Plain {
  #calls = new Map();
  #last = 0;

  async open(url) {
    this.client = new Redis(url, { maxRetriesPerRequest: null });
    this.queue = new Queue(plainName, { connection: this.client });
    this.eventClient = new Redis(url, { maxRetriesPerRequest: null });
    this.events = new QueueEvents(plainName, { connection: this.eventClient });
    this.events.on('completed', ({ jobId, returnvalue }) => this.#take(jobId)?.resolve(returnvalue));
    this.events.on('failed', ({ jobId, failedReason }) => this.#take(jobId)?.reject(new Error(failedReason)));
    this.events.on('progress', ({ jobId }) => this.#calls.get(jobId)?.began?.());
    await this.events.waitUntilReady();
    await new Promise((resolve) => setTimeout(resolve, 200)); // its first read
    return this;
  }

  #take(id) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    return call;
  }

  call(name, value, { began, signal } = {}) {
    const id = `plain-${++this.#last}`;
    const result = new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject, began });
    });
    signal?.addEventListener('abort', () => void this.client.publish('plain:cancel', id), { once: true });
    this.queue.add(name, { value }, { ...keep, jobId: id }).catch((error) => this.#take(id)?.reject(error));
    return result;
  }

  async close() {
    await this.queue.close();
    await this.events.close();
    this.client.disconnect();
    this.eventClient.disconnect(); // QueueEvents reads over a duplicate
  }
}

/** What a turn takes for each job: time, CPU time of both processes, commands. */
class Meter {
  constructor(url, workers) {
    this.client = new Redis(url);
    this.workers = workers;
  }

  async timed(fn) {
    const [before, commands] = [await this.#workerCpu(), await this.#commands()];
    const cpu = process.cpuUsage();
    const start = performance.now();
    const count = await fn();
    const ms = performance.now() - start;
    const own = micros(process.cpuUsage(cpu));
    const workerCpu = (await this.#workerCpu()) - before;
    return {
      ms: ms / count,
      cpu: own / count,
      workerCpu: workerCpu / count,
      commands: ((await this.#commands()) - commands - 1) / count,
    };
  }

  async #workerCpu() {
    this.workers.send('cpu');
    const [usage] = await once(this.workers, 'message');
    return micros(usage);
  }

  async #commands() {
    return Number(/total_commands_processed:(\d+)/.exec(await this.client.info('stats'))[1]);
  }

  close() {
    this.client.disconnect();
  }
}

function micros({ user, system }) {
  return user + system;
}

async function compare(title, turns, ours, theirs) {
  const rows = [];
  const end = performance.now() + comparisonLimit;
  for (let i = -2; i < turns && (i < 1 || performance.now() < end); i++) {
    const inOrder = i % 2 === 0;
    const first = await (inOrder ? ours : theirs)();
    const second = await (inOrder ? theirs : ours)();
    if (i >= 0) rows.push(inOrder ? { ours: first, theirs: second } : { ours: second, theirs: first }); // after two to warm up
  }
  const middle = (of, share = 0.5) => quantile(rows.map(of), share);
  const speed = (row) => row.theirs.ms / row.ours.ms;
  const ratio = middle(speed);
  const both = (key, digits) =>
    ['ours', 'theirs'].map((side) => middle((row) => row[side][key]).toFixed(digits)).join(' and ');
  console.log(
    `${title}: ${ratio.toFixed(2)} (middle half ${middle(speed, 0.25).toFixed(2)} to ${middle(speed, 0.75).toFixed(2)}, ` +
      `${rows.length} turns)${ratio < goal ? `; the goal is ${goal}` : ''}\n` +
      `  ${both('ms', 3)} ms a job; ${both('cpu', 0)} µs of CPU in the caller, ${both('workerCpu', 0)} in the worker; ` +
      `${both('commands', 1)} commands`,
  );
}

async function measure(turns) {
  const redis = await RedisServer.start();
  const workers = fork(fileURLToPath(import.meta.url), ['serve', redis.url]);
  await once(workers, 'message');
  const executor = new BullExecutor({ redis: redis.url });
  const ours = executor.module('distributed');
  const plain = await new Plain().open(redis.url);
  const meter = new Meter(redis.url, workers);
  try {
    const one = (call) => () =>
      meter.timed(async () => {
        for (let i = 0; i < 50; i++) await call(i);
        return 50;
      });
    const many = (call) => () =>
      meter.timed(async () => {
        let left = 1000;
        const caller = async () => {
          while (left-- > 0) await call(left);
        };
        await Promise.all(Array.from({ length: concurrency }, caller));
        return 1000;
      });
    const cancels = (cancelOne) => () =>
      meter.timed(async () => {
        for (let i = 0; i < 20; i++) await cancelOne();
        return 20;
      });
    const ourNothing = (value) => ours.nothing(value);
    const plainNothing = (value) => plain.call('nothing', value);
    for (const call of [ourNothing, plainNothing]) await many(call)();
    await compare('an empty job, one after the other', turns, one(ourNothing), one(plainNothing));
    await compare('empty jobs, 50 at once', turns, many(ourNothing), many(plainNothing));
    const ourCancel = () => {
      const stop = new AbortController();
      return ours.untilCancelled
        .with({ signal: stop.signal, onProgress: () => stop.abort() })()
        .catch(() => undefined);
    };
    const plainCancel = () => {
      const stop = new AbortController();
      return plain.call('wait', 0, { signal: stop.signal, began: () => stop.abort() }).catch(() => undefined);
    };
    await compare('a job that is cancelled when it has begun', turns, cancels(ourCancel), cancels(plainCancel));
  } finally {
    await executor.shutdown({ grace: 0 });
    await plain.close();
    meter.close();
    workers.kill();
    await redis[Symbol.asyncDispose]();
  }
}

const [first, second] = process.argv.slice(2);
setTimeout(() => {
  console.error(`bench/distributed.mjs was given up: it has not ended within ${limit / 60_000} minutes`);
  process.exit(1);
}, limit).unref();
if (first === 'serve') await serve(second);
else if (noRedis === undefined) await measure(Number(first ?? 30));
else console.log(noRedis);
