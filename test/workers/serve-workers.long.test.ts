// serveWorkers with real workers, of each kind that this runtime has: what their clients see when they are replaced, killed,
// hang or are broken.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CancelledError, createTask, Event, isConnectionLost, openConnection, sleep, timeout } from 'maitre';
import { type CrewOptions, ServeError, serveWorkers, type Supervisor, type WorkersEvent } from 'maitre/workers';
import { isNode } from '../net/sockets.js';
import { isAlive } from '../support/program.js';
import { test } from '../support/test.js';
import { bothTest } from './support/isolations.js';

/** For what only processes have. */
const ofProcesses = { timeout: 120_000, skip: !isNode && 'this runtime has no workers' };

/** Answers each line with the version of the file, the process, and the line; and does what some lines say. */
const FILE = `
export default async (reader, writer) => {
  for await (const line of reader.lines()) {
    if (line === 'throw') setTimeout(() => { throw new Error('soup burned'); });
    if (line === 'exit') process.exit(3);
    if (line === 'hang') for (;;);
    if (line === 'wait') await new Promise(() => {});
    writer.write('VERSION ' + process.pid + ' ' + line + '\\n');
    await writer.drain();
  }
};
`;

/** A folder with a file that workers serve, which tests change. */
class Kitchen implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'maitre-workers-'));
  readonly file = join(this.folder, 'app.mjs');

  constructor(version = 'v1', more = '') {
    this.write(version, more);
  }
  write(version: string, more = ''): void {
    writeFileSync(this.file, FILE.replaceAll('VERSION', version) + more);
  }
  break(text: string): void {
    writeFileSync(this.file, text);
  }
  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** What a supervisor said, and what it says next. */
class Heard {
  readonly events: WorkersEvent[] = [];
  #news = new Event();
  readonly onEvent = (event: WorkersEvent): void => {
    this.events.push(event);
    this.#news.set();
  };
  /** Waits until an event has these fields, in those that were said from the `from`th on. */
  async until(fields: object, from = 0): Promise<WorkersEvent> {
    const isIt = (event: WorkersEvent): boolean =>
      Object.entries(fields).every(([name, value]) => (event as unknown as Record<string, unknown>)[name] === value);
    return timeout(100_000, async () => {
      for (;;) {
        const found = this.events.slice(from).find(isIt);
        if (found !== undefined) return found;
        this.#news = new Event();
        await this.#news.wait();
      }
    });
  }
}

const pidOf = (place: string): number => Number(place.split(':')[0]);

/** Says one line as a new client, and returns the answer; '' if there was none. */
async function ask(port: number, line: string): Promise<string> {
  await using connection = await openConnection({ host: '127.0.0.1', port });
  try {
    connection.writer.write(`${line}\n`);
    return (await connection.reader.readTextLine()) ?? '';
  } catch (error) {
    if (isConnectionLost(error)) return '';
    throw error;
  }
}
const versionOf = async (port: number): Promise<string> => (await ask(port, 'hello')).split(' ')[0] ?? '';

type Kind = 'threads' | 'processes';
const serve = (
  isolate: Kind,
  { file }: Kitchen,
  options: CrewOptions & { readonly port?: number } = {},
): Promise<Supervisor> =>
  serveWorkers(file, {
    host: '127.0.0.1',
    port: 0,
    workers: 2,
    isolate,
    grace: 60_000,
    readyTimeout: 100_000,
    killTimeout: 100_000,
    ...options,
  });

bothTest('clients are served while the code is replaced, and none is refused or lost', async (isolate) => {
  using kitchen = new Kitchen();
  await using supervisor = await serve(isolate, kitchen);
  const { port } = supervisor;
  let isOver = false;
  let answered = 0;
  const clients = Array.from({ length: 5 }, () =>
    createTask(async () => {
      while (!isOver) {
        assert.match(await ask(port, 'hello'), /^v\d \d+ hello$/);
        answered++;
      }
    }),
  );
  assert.equal(await versionOf(port), 'v1');
  for (let version = 2; version <= 4; version++) {
    kitchen.write(`v${version}`);
    assert.equal((await supervisor.reload()).state, 'done');
    assert.equal(await versionOf(port), `v${version}`);
  }
  isOver = true;
  await Promise.all(clients);
  assert.ok(answered > 0);
});

bothTest(
  'a broken file leaves the old workers, says where it is broken, and the next reload tries again',
  async (isolate) => {
    using kitchen = new Kitchen();
    await using supervisor = await serve(isolate, kitchen, { onEvent: () => undefined });
    const { port } = supervisor;
    const before = supervisor.workers.map(({ id }) => id);
    kitchen.break('export default () => {\n');
    const parse = await supervisor.reload();
    assert.equal(parse.state, 'failed');
    assert.equal(parse.failure?.step, 'load');
    assert.match(`${parse.failure?.message} ${parse.failure?.detail}`, /SyntaxError/);
    kitchen.break('throw new Error("no onions");\n');
    assert.match(`${(await supervisor.reload()).failure?.detail}`, /no onions/);
    kitchen.break('process.exit(0);\n');
    assert.match(`${(await supervisor.reload()).failure?.message}`, /ended before it was ready/);
    kitchen.write('v9', 'export const ready = () => Promise.reject(new Error("no gas"));');
    const { failure } = await supervisor.reload();
    assert.equal(failure?.step, 'ready');
    assert.match(failure.message, /no gas/);
    assert.deepEqual(
      supervisor.workers.filter(({ state }) => state === 'ready').map(({ id }) => id),
      before,
    );
    assert.equal(await versionOf(port), 'v1');
    kitchen.write('v2');
    assert.equal((await supervisor.reload()).state, 'done');
    assert.equal(await versionOf(port), 'v2');
  },
);

bothTest('serveWorkers rejects with what is wrong, and leaves nothing', async (isolate) => {
  using kitchen = new Kitchen();
  await assert.rejects(serveWorkers(join(kitchen.folder, 'none.mjs')), (error) => {
    assert.ok(error instanceof ServeError && error.step === 'load' && error.exitCode === 2);
    return true;
  });
  kitchen.break('throw new Error("no onions");');
  await assert.rejects(
    serve(isolate, kitchen),
    (error) => error instanceof ServeError && /no onions/.test(`${error.detail}`),
  );
  kitchen.write('v1', 'export const ready = () => process.exit(4);');
  await assert.rejects(serve(isolate, kitchen), { name: 'ServeError', message: /ended before it was ready/ });
  kitchen.write('v1', 'export const ready = () => new Promise(() => setInterval(() => 1, 1000));');
  await assert.rejects(serve(isolate, kitchen, { readyTimeout: 1500 }), {
    name: 'ServeError',
    message: /within 1500 ms/,
  });
  kitchen.write('v1');
  const taken = createServer();
  await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { port: number }; // it listens on a port
  try {
    await assert.rejects(serve(isolate, kitchen, { port }), (error) => {
      assert.ok(error instanceof ServeError && error.step === 'listen', String(error));
      assert.equal((error.cause as NodeJS.ErrnoException).code, 'EADDRINUSE');
      return true;
    });
  } finally {
    await new Promise((resolve) => void taken.close(resolve));
  }
});

bothTest('a cancelled start leaves no worker', async (isolate) => {
  using kitchen = new Kitchen('v1', 'export const ready = () => new Promise(() => setInterval(() => 1, 1000));');
  const heard = new Heard();
  const starting = createTask(() => serve(isolate, kitchen, { onEvent: heard.onEvent }));
  await heard.until({ worker: 2, state: 'starting' });
  starting.cancel();
  await assert.rejects(async () => starting, CancelledError);
  assert.equal(heard.events.filter((event) => event.event === 'worker' && event.state === 'gone').length, 2);
});

bothTest('one that throws or exits takes only its clients with it, and is replaced', async (isolate) => {
  using kitchen = new Kitchen();
  const heard = new Heard();
  await using supervisor = await serve(isolate, kitchen, { onEvent: heard.onEvent });
  const { port } = supervisor;
  const clients = await Promise.all(Array.from({ length: 6 }, () => openConnection({ host: '127.0.0.1', port })));
  const served: number[] = [];
  for (const { reader, writer } of clients) {
    writer.write('hello\n');
    served.push((await reader.readTextLine())?.startsWith('v1') === true ? 1 : 0);
  }
  assert.equal(served.length, 6);
  clients[0]?.writer.write('throw\n');
  const gone = await heard.until({ event: 'worker', state: 'gone' });
  assert.ok(
    gone.event === 'worker' && gone.outcome === 'crashed' && gone.reason === 'soup burned',
    JSON.stringify(gone),
  );
  assert.equal(gone.clients, 3);
  const answers = await Promise.all(
    clients.map(async ({ reader, writer }) => {
      try {
        writer.write('still there?\n');
        return (await reader.readTextLine()) ?? '';
      } catch {
        return '';
      }
    }),
  );
  assert.equal(answers.filter((answer) => answer.endsWith('still there?')).length, 3);
  await heard.until({ event: 'worker', worker: 3, state: 'ready' });
  const from = heard.events.length;
  assert.equal(await ask(port, 'exit'), '');
  const second = await heard.until({ event: 'worker', state: 'gone' }, from);
  assert.match(second.event === 'worker' ? `${second.reason}` : '', /exit code 3/);
  await heard.until({ event: 'worker', worker: 4, state: 'ready' });
  assert.equal(await versionOf(port), 'v1');
  for (const client of clients) client.abort();
});

bothTest('one that hangs is killed and replaced, and the others serve meanwhile', async (isolate) => {
  using kitchen = new Kitchen();
  const heard = new Heard();
  await using supervisor = await serve(isolate, kitchen, { onEvent: heard.onEvent, killTimeout: 3000 });
  const { port } = supervisor;
  const hung = createTask(() => ask(port, 'hang'));
  const gone = await heard.until({ event: 'worker', state: 'gone' });
  assert.ok(gone.event === 'worker' && gone.outcome === 'hung' && gone.clients === 1, JSON.stringify(gone));
  assert.equal(await hung, '');
  await heard.until({ event: 'worker', worker: 3, state: 'ready' });
  assert.equal(await versionOf(port), 'v1');
});

bothTest('a place is down once its restarts are used up, and a reload fills it', async (isolate) => {
  using kitchen = new Kitchen();
  const heard = new Heard();
  await using supervisor = await serve(isolate, kitchen, {
    workers: 1,
    onEvent: heard.onEvent,
    restarts: { limit: 1 },
  });
  const { port } = supervisor;
  assert.equal(await ask(port, 'exit'), '');
  await heard.until({ event: 'worker', worker: 2, state: 'ready' });
  assert.equal(await ask(port, 'exit'), '');
  await heard.until({ event: 'worker', worker: 2, state: 'down' });
  assert.equal(supervisor.statistics().down, 1);
  const waiting = createTask(() => versionOf(port)); // it is not refused
  kitchen.write('v2');
  assert.equal((await supervisor.reload()).state, 'done');
  assert.equal(await waiting, 'v2');
  assert.equal(supervisor.statistics().down, 0);
});

bothTest('scaling up and down', async (isolate) => {
  using kitchen = new Kitchen();
  await using supervisor = await serve(isolate, kitchen, { workers: 1 });
  await supervisor.scale(3);
  const { port } = supervisor;
  const clients = await Promise.all(Array.from({ length: 6 }, () => openConnection({ host: '127.0.0.1', port })));
  for (const { reader, writer } of clients) {
    writer.write('hello\n');
    assert.match((await reader.readTextLine()) ?? '', /^v1/);
  }
  assert.deepEqual(
    supervisor.workers.map(({ connections }) => connections),
    [2, 2, 2],
  );
  await supervisor.scale(1);
  for (const client of clients) client.abort();
  assert.equal(await versionOf(port), 'v1');
});

bothTest('a shutdown ends idle clients at once, and the others within the grace', async (isolate) => {
  using kitchen = new Kitchen();
  const supervisor = await serve(isolate, kitchen);
  const { port } = supervisor;
  const idle = await openConnection({ host: '127.0.0.1', port });
  idle.writer.write('hello\n');
  await idle.reader.readTextLine();
  const report = await supervisor.shutdown({ grace: 20_000 });
  assert.equal(await idle.reader.readTextLine(), undefined);
  idle.abort();
  assert.deepEqual(
    report.workers.map(({ outcome }) => outcome),
    ['drained', 'drained'],
  );
  assert.equal(report.finished, 1);
  await assert.rejects(openConnection({ host: '127.0.0.1', port }), { code: 'ECONNREFUSED' });
});

bothTest('a shutdown during a reload, and a reload during a shutdown', async (isolate) => {
  using kitchen = new Kitchen();
  const heard = new Heard();
  const supervisor = await serve(isolate, kitchen, { onEvent: heard.onEvent });
  kitchen.write('v2', 'export const ready = () => new Promise(() => setInterval(() => 1, 1000));');
  const reload = createTask(() => supervisor.reload());
  await heard.until({ event: 'worker', worker: 3, state: 'starting' });
  const ending = createTask(() => supervisor.shutdown());
  await sleep(0);
  await assert.rejects(supervisor.reload(), { name: 'InvalidStateError' });
  assert.equal((await reload).state, 'skipped');
  await ending;
  assert.equal(heard.events.filter((event) => event.event === 'worker' && event.state === 'gone').length, 3);
});

test(
  'each state in which a process is killed from outside',
  async () => {
    using kitchen = new Kitchen();
    const heard = new Heard();
    await using supervisor = await serve('processes', kitchen, { onEvent: heard.onEvent, workers: 1 });
    const { port } = supervisor;
    const kill = (id: number): void => {
      const row = supervisor.workers.find((each) => each.id === id);
      assert.ok(row, `worker ${id} is there`);
      process.kill(pidOf(row.process), 'SIGKILL');
    };
    kill(1); // ready
    await heard.until({ worker: 1, outcome: 'crashed' });
    await heard.until({ worker: 2, state: 'ready' });
    assert.equal(await versionOf(port), 'v1');
    kitchen.write('v2', 'export const ready = () => new Promise(() => setInterval(() => 1, 1000));');
    const reload = createTask(() => supervisor.reload());
    await heard.until({ worker: 3, state: 'starting' });
    kill(3); // starting
    assert.equal((await reload).state, 'failed');
    assert.equal(await versionOf(port), 'v1');
    const client = await openConnection({ host: '127.0.0.1', port });
    client.writer.write('hello\n');
    await client.reader.readTextLine();
    client.writer.write('wait\n');
    kitchen.write('v3');
    await supervisor.reload();
    kill(2); // draining: it has the client
    await heard.until({ worker: 2, state: 'gone' });
    assert.equal(await versionOf(port), 'v3');
    client.abort();
    const { workers } = await supervisor.shutdown();
    assert.deepEqual(
      workers.map(({ outcome }) => outcome),
      ['drained'],
    );
  },
  ofProcesses,
);

test(
  'after a shutdown no process is left',
  async () => {
    using kitchen = new Kitchen();
    const supervisor = await serve('processes', kitchen, { workers: 3 });
    const pids = supervisor.workers.map(({ process: place }) => pidOf(place));
    assert.ok(pids.every(isAlive));
    await supervisor.shutdown({ grace: 0 });
    assert.ok(!pids.some(isAlive));
  },
  ofProcesses,
);

bothTest('one file can be both the supervisor and its workers, and a worker cannot have workers', async (isolate) => {
  using kitchen = new Kitchen();
  const doors = ['maitre', 'maitre/workers'].map((door) => JSON.stringify(import.meta.resolve(door)));
  kitchen.break(`
    import { startServer } from ${doors[0]};
    import { isWorker, serveWorkers } from ${doors[1]};
    const error = await serveWorkers(new URL(import.meta.url)).catch((error) => error);
    await startServer((reader, writer) => writer.write(isWorker + ' ' + error + '\\n'), { host: '127.0.0.1', port: 0 });
  `);
  await using supervisor = await serve(isolate, kitchen);
  assert.match(await ask(supervisor.port, ''), /^true InvalidStateError: .* this program is a worker itself$/);
});
