import assert from 'node:assert/strict';
import { CancelledError, type Connection, Future, openConnection, sleep, TaskGroup, timeout } from 'maitre';
import { freePort, Haproxy, noHaproxy } from '../support/haproxy.js';
import { endsWith, Program, programArgs } from '../support/program.js';
import { noRedis, RedisServer } from '../support/redis.js';
import { seeded } from '../support/seeded.js';
import { test } from '../support/test.js';

const CLIENTS = 100;
const MESSAGES = 20;
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

class Server implements AsyncDisposable {
  readonly port: number;
  readonly #redis: RedisServer;
  #program: Program | undefined = undefined;

  constructor(port: number, redis: RedisServer) {
    this.port = port;
    this.#redis = redis;
  }

  get program(): Program {
    return this.#program as Program; // started before
  }

  async start(proxy: boolean): Promise<void> {
    const env = { PORT: String(this.port), REDIS_URL: this.#redis.url, PROXY: proxy ? '1' : '0' };
    this.#program = new Program(programArgs('examples/chat-many.ts'), { env });
    await this.program.sees(/maitre connect/);
  }

  async kill(): Promise<void> {
    this.program.signal('SIGKILL');
    await this.program.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]();
  }
}

/** A client that comes back, whatever happens to its server. It checks what it hears. */
class Guest {
  readonly name: string;
  readonly #port: number;
  /** What it has said, numbered from 1. */
  #said = 0;
  /** The last number that it heard of everybody. */
  readonly #heard = new Map<string, number>();
  #count = 0;
  #position: string | undefined = undefined;
  #connection: Connection | undefined = undefined;
  returns = -1;
  readonly welcomed = new Future<void>();

  constructor(name: string, port: number) {
    this.name = name;
    this.#port = port;
  }

  get count(): number {
    return this.#count;
  }

  say(): void {
    this.#said++;
    this.#connection?.writer.write(`${this.#said} text ${this.#said}\n`);
  }

  /** Listens until it has heard `count` messages. */
  async listen(count: number): Promise<void> {
    while (this.#count < count) {
      try {
        await this.#visit(count);
      } catch (error) {
        // Refused, reset, ended: it tries again, until the time of the test is over.
        if (error instanceof assert.AssertionError || error instanceof CancelledError) throw error;
      }
      this.#connection = undefined;
      await sleep(20);
    }
  }

  async #visit(count: number): Promise<void> {
    await using connection = await openConnection({ host: '127.0.0.1', port: this.#port });
    const lines = connection.reader.lines();
    const next = async (): Promise<string> => {
      const { value, done } = await lines.next();
      if (done === true) throw new Error('the server ended the connection');
      return value;
    };
    assert.equal(await next(), '* your name?');
    connection.writer.write(`${this.name}${this.#position === undefined ? '' : ` ${this.#position}`}\n`);
    const [, address, position] = /^\* welcome \w+ from ([\d.]+); this is (\S+)$/.exec(await next()) ?? [];
    assert.equal(address, '127.0.0.1');
    this.#position ??= position;
    this.returns++;
    // What it has not heard of itself, it says again.
    for (let i = (this.#heard.get(this.name) ?? 0) + 1; i <= this.#said; i++)
      connection.writer.write(`${i} text ${i}\n`);
    this.#connection = connection;
    if (!this.welcomed.done()) this.welcomed.setResult();
    while (this.#count < count) {
      const line = await next();
      const [id, who = '', number, text] = /^(\S+) (\w+) (\d+) (.*)$/.exec(line)?.slice(1) ?? [];
      assert.equal(Number(number), (this.#heard.get(who) ?? 0) + 1, `${this.name} heard "${line}" out of order`);
      assert.equal(text, `text ${number}`);
      this.#heard.set(who, Number(number));
      this.#position = id;
      this.#count++;
    }
  }
}

test(
  `chat on two servers behind haproxy, one of them killed and restarted: ${CLIENTS} clients hear every message once, in the order of its sender`,
  async () => {
    const random = seeded(seed);
    await using redis = await RedisServer.start();
    await using one = new Server(await freePort(), redis);
    await using two = new Server(await freePort(), redis);
    await Promise.all([one.start(true), two.start(true)]);
    await using haproxy = await Haproxy.start([one.port, two.port]);
    const guests = Array.from({ length: CLIENTS }, (_, i) => new Guest(`guest${i}`, haproxy.port));
    const all = CLIENTS * MESSAGES;
    try {
      await timeout(180_000, () =>
        TaskGroup.run(async (group) => {
          for (const guest of guests) group.createTask(() => guest.listen(all), { name: guest.name });
          for (const guest of guests) await guest.welcomed;
          for (const guest of guests) {
            group.createTask(async () => {
              for (let i = 0; i < MESSAGES; i++) {
                guest.say();
                await sleep(random() * 100);
              }
            });
          }
          const victim = random() < 0.5 ? one : two;
          const killAt = 1 + Math.floor(random() * all * 0.6);
          while ((guests[0] as Guest).count < killAt) await sleep(1);
          await victim.kill();
          await sleep(random() * 500);
          await victim.start(true);
        }),
      );
    } catch (error) {
      const left = guests.filter((guest) => guest.count < all).map((guest) => `${guest.name}: ${guest.count}`);
      throw new Error(
        `SEED=${seed}: ${String(error)}; not all heard all ${all}: ${left.join(', ')}\n${one.program.stderr}\n${two.program.stderr}`,
        {
          cause: error,
        },
      );
    }
    assert.ok(
      guests.some((guest) => guest.returns > 0),
      `SEED=${seed}: nobody was on the server that was killed`,
    );
    await Promise.all([endsWith(one.program, 'SIGTERM', 143, 30_000), endsWith(two.program, 'SIGTERM', 143, 30_000)]);
  },
  { skip: noRedis ?? noHaproxy, timeout: 240_000 },
);

test(
  'chat-many without a balancer: a guest hears what is said on the other server',
  async () => {
    await using redis = await RedisServer.start();
    await using one = new Server(0, redis);
    await one.start(false);
    const [, port] = await one.program.sees(/127\.0\.0\.1:(\d+)/);
    const guest = new Guest('ada', Number(port));
    await TaskGroup.run(async (group) => {
      group.createTask(() => guest.listen(2));
      await guest.welcomed;
      guest.say();
      guest.say();
    });
    assert.equal(guest.count, 2);
  },
  { skip: noRedis },
);
