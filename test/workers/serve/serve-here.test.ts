// Serving without a printer: the events that a supervisor reads.
import assert from 'node:assert/strict';
import type { BlockList } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createTask, openConnection, type ServerOptions, sleep, type Task } from 'maitre';
import { ServeError } from '#src/workers/serve/serve-error.js';
import type { ClientEndedEvent, ServeEvent } from '#src/workers/serve/serve-events.js';
import { serveHere } from '#src/workers/serve/serve-here.js';
import { Folder, Program, root } from '../../support/program.js';
import { test } from '../../support/test.js';

type HandlerOf = Parameters<typeof serveHere>[0];

/** A server whose events are kept; its end is that of its block. */
class Served implements AsyncDisposable {
  readonly events: ServeEvent[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #task: Task<void>;

  constructor(handler: HandlerOf, server: Partial<ServerOptions> = {}) {
    const settings = {
      server: { host: '127.0.0.1', port: 0, ...server } as ServerOptions,
      file: 'soup.ts',
      grace: 500,
    };
    this.#task = createTask(() =>
      serveHere(handler, settings, (event) => {
        this.events.push(event);
        for (const look of this.#watchers) look();
      }),
    );
  }

  /** Resolves with the first event that `find` returns. */
  sees<E>(find: (event: ServeEvent) => E | undefined): Promise<E> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.events.map(find).find((event) => event !== undefined);
        if (found === undefined) return;
        this.#watchers.delete(look);
        resolve(found);
      };
      this.#watchers.add(look);
      look();
    });
  }

  async port(): Promise<number> {
    const [address] = await this.sees((event) => (event.event === 'ready' ? event.addresses : undefined));
    assert.ok(address !== undefined && 'port' in address);
    return address.port;
  }

  /** Sends a word and the end, and returns the event of this client's end. */
  async visit(word: string): Promise<ClientEndedEvent> {
    await using client = await openConnection({ host: '127.0.0.1', port: await this.port() });
    client.writer.write(word);
    client.writer.writeEof();
    await client.reader.read();
    const { port } = client.local as { port: number }; // TCP
    return this.sees((event) => {
      const isIts = event.event === 'client' && 'port' in event.peer && event.peer.port === port;
      return isIts && event.state === 'ended' ? event : undefined;
    });
  }

  async stop(): Promise<void> {
    this.#task.cancel();
    await this.#task;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#task.done()) await this.stop();
  }
}

test('serveHere() emits ready, then opened and ended of each client, then stopping and stopped', async () => {
  await using served = new Served(async (reader, writer) => writer.write(await reader.read()));
  const port = await served.port();
  const { id, peer, ms } = await served.visit('soup');
  await served.stop();
  assert.ok('port' in peer);
  assert.ok(ms >= 0 && ms < 10_000);
  assert.deepEqual(served.events, [
    {
      event: 'ready',
      pid: process.pid,
      file: 'soup.ts',
      addresses: [{ address: '127.0.0.1', port, family: 'IPv4' }],
      tls: false,
    },
    { event: 'client', state: 'opened', id, peer },
    { event: 'client', state: 'ended', id, peer, outcome: 'done', ms, bytesRead: 4, bytesWritten: 4 },
    { event: 'stopping', clients: 0, grace: 500 },
    { event: 'stopped', report: { finished: 0, cancelled: 0, aborted: 0 } },
  ] satisfies ServeEvent[]);
});

test('a handler that fails has an error with its stack before its end, a client that left has its end alone', async () => {
  await using served = new Served(async (reader) => {
    const word = String(await reader.read());
    if (word === 'salty') throw new Error('the soup is salty\x1b[2J\nsecond line');
    if (word === 'text') throw 'only text';
    await reader.readExactly(1);
  });
  const salty = await served.visit('salty');
  assert.deepEqual([salty.outcome, salty.reason], ['failed', 'the soup is salty\x1b[2J']);
  const text = await served.visit('text');
  assert.deepEqual([text.outcome, text.reason], ['failed', 'only text']);
  const kinds = served.events.map((event) => (event.event === 'client' ? event.state : event.event));
  assert.deepEqual(kinds, ['ready', 'opened', 'error', 'ended', 'opened', 'error', 'ended']);
  const [error] = served.events.filter((event) => event.event === 'error');
  assert.equal(error?.id, salty.id);
  assert.match(error.error, /^Error: the soup is salty\x1b\[2J\nsecond line\n +at /); // oxlint-disable-line no-control-regex -- as it is
});

test('lost and cancelled are told apart', async () => {
  await using served = new Served(async (reader, writer) => {
    if (String(await reader.readExactly(4)) === 'wait') {
      writer.write('!');
      await sleep(60_000);
    }
    await reader.readExactly(1);
  });
  const port = await served.port();
  const resets = await openConnection({ host: '127.0.0.1', port });
  resets.writer.write('soup');
  await served.sees((event) => (event.event === 'client' ? event : undefined));
  resets.abort();
  const lost = await served.sees((event) => (event.event === 'client' && event.state === 'ended' ? event : undefined));
  assert.equal(lost.outcome, 'lost');
  assert.match(lost.reason ?? '', /ECONNRESET/);
  await using waits = await openConnection({ host: '127.0.0.1', port });
  waits.writer.write('wait');
  await waits.reader.readExactly(1);
  await served.stop();
  const [, cancelled] = served.events.filter((event) => event.event === 'client' && event.state === 'ended');
  assert.deepEqual([cancelled?.event === 'client' && 'outcome' in cancelled && cancelled.outcome], ['cancelled']);
  assert.ok(!served.events.some((event) => event.event === 'error'));
  assert.deepEqual(
    served.events.slice(-3).map(({ event }) => event),
    ['stopping', 'client', 'stopped'],
  );
});

test('a client that waits for a handler until the end is opened and ended too', async () => {
  let accepted = 0;
  // Asked for every client, right before it is let in; the server calls nothing else of it.
  const block = { check: () => accepted++ < 0 } as Partial<BlockList> as BlockList;
  await using served = new Served(() => sleep(60_000), { concurrency: 1, block });
  const port = await served.port();
  await using _first = await openConnection({ host: '127.0.0.1', port });
  await using _second = await openConnection({ host: '127.0.0.1', port });
  while (accepted < 2) await sleep(1);
  await served.stop();
  const clients = served.events.filter((event) => event.event === 'client');
  assert.equal(clients.length, 4);
  const ids = [...new Set(clients.map(({ id }) => id))];
  const statesOf = (id: number): string[] => clients.filter((each) => each.id === id).map(({ state }) => state);
  assert.deepEqual(ids.map(statesOf), [
    ['opened', 'ended'],
    ['opened', 'ended'],
  ]);
});

test('serveHere() that cannot listen rejects in the words of the command line, without an event', async () => {
  await using served = new Served(() => undefined);
  const port = await served.port();
  const events: ServeEvent[] = [];
  const settings = { server: { host: '127.0.0.1', port }, file: 'soup.ts', grace: 0 };
  await assert.rejects(
    serveHere(
      () => undefined,
      settings,
      (event) => events.push(event),
    ),
    (error) => error instanceof ServeError && (error.cause as NodeJS.ErrnoException).code === 'EADDRINUSE',
  );
  assert.deepEqual(events, []);
});

test('a supervisor reads the events of a worker over IPC', async () => {
  using folder = new Folder();
  const url = (file: string): string => pathToFileURL(join(root, 'dist', file)).href;
  const worker = folder.write(
    'worker.mjs',
    `import { run } from '${url('index.node.js')}';
    import { serveHere } from '${url('workers/serve/serve-here.js')}';
    const handler = async (reader, writer) => void writer.write(await reader.read());
    const settings = { server: { host: '127.0.0.1', port: 0 }, file: 'soup.mjs', grace: 1000 };
    await run(() => serveHere(handler, settings, (event) => process.send(event)));
    process.disconnect();`,
  );
  await using program = new Program([worker], { inherited: ['ipc'] });
  const events: ServeEvent[] = [];
  program.child.on('message', (event) => events.push(event as ServeEvent)); // what the worker sends
  const until = async (count: number): Promise<void> => {
    while (events.length < count) await new Promise((resolve) => void program.child.once('message', resolve));
  };
  await until(1);
  const [ready] = events;
  assert.ok(ready?.event === 'ready' && ready.pid === program.child.pid);
  const [address] = ready.addresses;
  assert.ok(address !== undefined && 'port' in address);
  const client = await openConnection({ host: '127.0.0.1', port: address.port });
  client.writer.write('soup');
  client.writer.writeEof();
  assert.equal(String(await client.reader.read()), 'soup');
  await client.close();
  await until(3);
  program.signal('SIGTERM');
  const { stdout, stderr } = await program.ended();
  assert.deepEqual([stdout, stderr], ['', '']);
  assert.deepEqual(
    events.map(({ event }) => event),
    ['ready', 'client', 'client', 'stopping', 'stopped'],
  );
  const ended = events[2];
  assert.ok(ended?.event === 'client' && ended.state === 'ended');
  assert.deepEqual([ended.outcome, ended.bytesRead, ended.bytesWritten], ['done', 4, 4]);
});
