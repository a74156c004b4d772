// Clients that maitre does not wrap, under `cancellable` and `task.signal`: the guide "Databases" shows how. The client here
// is a small one of Redis' protocol with the fault of redis/ioredis#1914: it connects again after a restart, and a blocking
// command that was on its way is never heard of again.
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import {
  cancellable,
  createTask,
  Queue,
  race,
  run,
  type Server,
  startServer,
  type StreamReader,
  type StreamWriter,
  timeout,
} from 'maitre';
import { test } from '../support/test.js';
import { untilTrue } from '../support/waits.js';

/** Lists of texts, as Redis has them: LPUSH puts, BLPOP takes or waits. */
class TinyRedis {
  /** The lists live through a restart. */
  readonly #lists = new Map<string, Queue<string>>();
  #server: Server | undefined;
  port = 0;
  blocked = 0;

  async start(): Promise<void> {
    this.#server = await startServer((reader, writer) => this.#serve(reader, writer), {
      host: '127.0.0.1',
      port: this.port,
    });
    this.port = this.#server.port ?? 0;
  }

  async stop(): Promise<void> {
    await this.#server?.shutdown({ grace: 0 });
  }

  length(key: string): number {
    return this.#list(key).qsize();
  }

  async #serve(reader: StreamReader, writer: StreamWriter): Promise<void> {
    for await (const line of reader.lines()) {
      const [command = '', key = '', value = ''] = line.split(' ');
      if (command === 'LPUSH') {
        this.#list(key).putNowait(value);
        writer.write(':1\r\n');
      } else if (command === 'BLPOP') {
        this.blocked++;
        try {
          const item = await race([() => this.#list(key).get(), () => reader.read(1)]);
          if (typeof item !== 'string') return; // the client has left
          writer.write(`+${item}\r\n`);
        } finally {
          this.blocked--;
        }
      } else writer.write('+PONG\r\n');
      await writer.drain();
    }
  }

  #list(key: string): Queue<string> {
    let list = this.#lists.get(key);
    if (list === undefined) this.#lists.set(key, (list = new Queue()));
    return list;
  }
}

/** A promise-based client. It knows nothing of maitre, connects again by itself, and forgets what it was waiting for. */
class ForgetfulClient {
  readonly #port: number;
  #socket: Socket;
  #pending: ((reply: string) => void)[] = [];
  /** How often it has connected. */
  connects = 0;

  constructor(port: number) {
    this.#port = port;
    this.#socket = this.#connect();
  }

  command(...words: string[]): Promise<string> {
    this.#socket.write(`${words.join(' ')}\r\n`);
    return new Promise((resolve) => void this.#pending.push(resolve));
  }

  disconnect(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  #connect(): Socket {
    const socket = connect(this.#port, '127.0.0.1');
    socket.setEncoding('utf8');
    socket.on('connect', () => void this.connects++);
    socket.on('error', () => undefined); // 'close' follows
    socket.on('data', (text: string) => {
      for (const reply of text.trim().split('\r\n')) this.#pending.shift()?.(reply);
    });
    socket.on('close', () => {
      this.#pending = []; // the fault
      setTimeout(() => (this.#socket = this.#connect()), 10);
    });
    return socket;
  }
}

/** Runs `body` with a Redis and a way to connect to it, and ends both. */
async function withRedis(body: (redis: TinyRedis, open: () => ForgetfulClient) => Promise<void>): Promise<void> {
  await run(async () => {
    const redis = new TinyRedis();
    await redis.start();
    const clients: ForgetfulClient[] = [];
    try {
      await body(redis, () => {
        const client = new ForgetfulClient(redis.port);
        clients.push(client);
        return client;
      });
    } finally {
      for (const client of clients) client.disconnect();
      await redis.stop();
    }
  });
}

test('under cancellable, a command that the client has forgotten after a restart settles by cancel and by timeout', () =>
  withRedis(async (redis, open) => {
    const client = open();
    const task = createTask(() => cancellable(client.command('BLPOP', 'orders')));
    const timed = createTask(() => timeout(300, () => cancellable(open().command('BLPOP', 'orders'))));
    await untilTrue(() => redis.blocked === 2);
    await redis.stop();
    await redis.start();
    await untilTrue(() => client.connects === 2);
    assert.equal(task.done(), false, 'the client has forgotten it');
    task.cancel();
    await assert.rejects(task, { name: 'CancelledError' });
    await assert.rejects(timed, { name: 'TimeoutError' });
    assert.equal(await cancellable(client.command('PING')), '+PONG', 'the client works again');
  }));

test('under cancellable, the server goes on for a client that has left, and an item is lost', () =>
  withRedis(async (redis, open) => {
    const task = createTask(() => cancellable(open().command('BLPOP', 'orders')));
    await untilTrue(() => redis.blocked === 1);
    task.cancel();
    await assert.rejects(task, { name: 'CancelledError' });
    assert.equal(redis.blocked, 1, 'nobody has told the server');
    await cancellable(open().command('LPUSH', 'orders', 'soup'));
    await untilTrue(() => redis.blocked === 0);
    assert.equal(redis.length('orders'), 0, 'it went to nobody');
  }));

test('with a connection that ends with its task, a blocking command takes nothing', () =>
  withRedis(async (redis, open) => {
    const task = createTask(async ({ signal }) => {
      const blocking = open();
      signal.addEventListener('abort', () => blocking.disconnect(), { once: true });
      return await cancellable(blocking.command('BLPOP', 'orders'));
    });
    await untilTrue(() => redis.blocked === 1);
    task.cancel();
    await assert.rejects(task, { name: 'CancelledError' });
    await untilTrue(() => redis.blocked === 0);
    await cancellable(open().command('LPUSH', 'orders', 'soup'));
    assert.equal(redis.length('orders'), 1, 'it waits for the next');
  }));
