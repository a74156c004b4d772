// Reloads, crashes and ends of real workers, with real clients of every kind.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createTask } from 'maitre';
import type { WorkersEvent } from 'maitre/workers';
import { WebSocket } from 'ws';
import { get } from '../http/servers.js';
import { isNode, pause, RawClient, until } from '../net/sockets.js';
import { isAlive } from '../support/program.js';
import { test } from '../support/test.js';
import { bothTest, fixture, type Served, withWorkers } from './support/isolations.js';

/** Milliseconds that a worker on a busy machine may take for what is not its grace. */
const SLACK = 20_000;

const states = (events: readonly WorkersEvent[]): string[] =>
  events.flatMap((event) => (event.event === 'worker' ? `${event.worker} ${event.state}` : []));

const isGone = ({ supervisor }: Served, id: number): boolean => supervisor.workers.every((row) => row.id !== id);

/** One client of each kind, each with an answer that does not end. */
async function endlessClients({ http, raw }: Served) {
  const events = await new RawClient(http).connected();
  events.socket.write(get('/events'));
  const lines = await new RawClient(raw).connected();
  lines.socket.write('wait\n');
  const idle = await new RawClient(raw).connected();
  idle.socket.write('hello\n');
  const socket = new WebSocket(`ws://127.0.0.1:${http}/socket`);
  let code = 0;
  let said = '';
  socket.on('message', (data) => (said = String(data)));
  socket.on('close', (closeCode) => (code = closeCode));
  await until(() => events.text.includes('data: ') && said !== '' && idle.text.endsWith('\n'));
  return { events, lines, idle, code: () => code };
}

bothTest(
  'a reload ends with clients of every kind that never end: each has the grace, then ends well',
  async (isolate) => {
    await withWorkers({ isolate, workers: 1, grace: 500 }, async (served) => {
      const clients = await endlessClients(served);
      const began = performance.now();
      const { state } = await served.supervisor.reload();
      assert.equal(state, 'done');
      assert.equal(await clients.idle.end(), '1\n', 'between two messages it ends at once');
      await until(() => isGone(served, 1), 'the old worker to be gone', SLACK);
      assert.ok(performance.now() - began >= 500);
      assert.match(await clients.events.end(), /\r\n0\r\n\r\n$/, 'the stream is complete');
      assert.equal(await clients.lines.end(), 'reload\n', 'the handler knows why');
      await until(() => clients.code() === 1001);
      for (const client of [clients.events, clients.lines, clients.idle]) client.socket.destroy();
      const drained = served.events.some((event) => event.event === 'worker' && event.outcome === 'drained');
      assert.ok(drained);
    });
  },
);

bothTest('a broken file leaves the old workers serving, says why, and the next save serves', async (isolate) => {
  await withWorkers({ isolate, grace: 500 }, async (served) => {
    const { supervisor, file, http } = served;
    const breaks: readonly (readonly [string, RegExp])[] = [
      ['const = 1;\n', /failed while loading\n.*app\.mjs:1\nconst = 1;\n +\^\n\nSyntaxError/],
      ["throw new Error('the oven is cold');\n", /the oven is cold|failed while loading/],
      ['process.exit(3);\n', /3/],
    ];
    for (const [text, why] of breaks) {
      file.save(text);
      const { state, failure } = await supervisor.reload();
      assert.equal(state, 'failed');
      assert.match(`${failure?.message}\n${failure?.detail}`, why);
      const answer = await new RawClient(http).connected();
      answer.socket.write(get('/', 'Connection: close'));
      assert.match(await answer.end(), /\r\n\r\n[12]\n$/, 'the first two serve');
      answer.socket.destroy();
    }
    file.serve('every-kind');
    assert.equal((await supervisor.reload()).state, 'done');
    await until(() => isGone(served, 1) && isGone(served, 2), 'the old ones to be gone', SLACK);
  });
});

bothTest(
  'no request is lost while workers are replaced: the new one is ready before the old one drains',
  async (isolate) => {
    await withWorkers({ isolate, grace: 2000 }, async (served) => {
      const { supervisor, http, events } = served;
      let [answered, ended] = [0, false];
      const lost: string[] = [];
      const visitors = Array.from({ length: 3 }, () =>
        createTask(async () => {
          while (!ended) {
            const client = new RawClient(http);
            client.socket.write(get('/', 'Connection: close'));
            const text = await client.end();
            if (/^HTTP\/1\.1 200 [^]*\r\n\r\n\d+\n$/.test(text)) answered++;
            else lost.push(`${client.error?.code} ${text}`);
            client.socket.destroy();
            await pause(5);
          }
        }),
      );
      for (let i = 0; i < 3; i++) assert.equal((await supervisor.reload()).state, 'done');
      ended = true;
      for (const visitor of visitors) await visitor;
      assert.deepEqual(lost, []);
      assert.ok(answered > 0);
      const order = states(events);
      for (const old of [1, 2, 3, 4]) {
        const place = events.find((event) => event.event === 'worker' && event.worker === old);
        const next = events.find(
          (event) =>
            event.event === 'worker' && event.worker > old && place?.event === 'worker' && event.place === place.place,
        );
        assert.ok(next?.event === 'worker');
        const ready = order.indexOf(`${next.worker} ready`);
        assert.ok(
          ready >= 0 && ready < order.indexOf(`${old} draining`),
          `${next.worker} is ready before ${old} drains`,
        );
      }
    });
  },
);

bothTest('the worker with the fewest clients gets the next one: 100 are spread exactly', async (isolate) => {
  await withWorkers({ isolate }, async ({ supervisor, raw }) => {
    const clients: RawClient[] = [];
    const byWorker = (id: number): RawClient[] => clients.filter(({ text }) => text === `${id}\n`);
    const open = async (count: number): Promise<void> => {
      const added = Array.from({ length: count }, () => new RawClient(raw));
      clients.push(...added);
      for (const client of added) client.socket.write('hello\n');
      for (const client of added) await client.receives('\n');
    };
    await open(100);
    assert.deepEqual([byWorker(1).length, byWorker(2).length], [50, 50]);
    const left = byWorker(1).slice(0, 20);
    for (const client of left) {
      clients.splice(clients.indexOf(client), 1);
      client.socket.destroy();
    }
    await until(() => supervisor.statistics().connections === 80);
    await open(20);
    assert.deepEqual([byWorker(1).length, byWorker(2).length], [50, 50], 'the new ones fill the gap');
    assert.deepEqual(
      supervisor.workers.map(({ connections }) => connections),
      [50, 50],
    );
    for (const client of clients) client.socket.destroy();
  });
});

bothTest('a shutdown ends all workers at the same time, within the grace of one', async (isolate) => {
  await withWorkers({ isolate, workers: 3, grace: 60_000 }, async (served) => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => new RawClient(served.raw).connected()));
    for (const client of clients) client.socket.write('wait\n');
    await until(() => served.supervisor.statistics().connections === 6);
    await pause(50);
    const began = performance.now();
    const report = await served.supervisor.shutdown({ grace: 3000 });
    const took = performance.now() - began;
    assert.deepEqual([report.cancelled, report.aborted, report.lost], [6, 0, 0]);
    assert.ok(took >= 3000 && took < 3 * 3000, `${took} ms`);
    for (const client of clients) {
      assert.equal(await client.end(), 'shutdown\n');
      client.socket.destroy();
    }
  });
});

test(
  'no worker and nothing that it has started survives a supervisor that is killed, and the port is free',
  async () => {
    const supervisor = spawn(process.execPath, [fixture('supervise'), fixture('parent'), 'processes'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      let output = '';
      supervisor.stdout.on('data', (data: Buffer) => (output += String(data)));
      const ended = new Promise((resolve) => void supervisor.on('close', resolve));
      await until(() => output.includes('\n'), 'the port', SLACK);
      const { port } = JSON.parse(output) as { port: number }; // the fixture prints it
      const visit = async (): Promise<number[]> => {
        const client = new RawClient(port);
        const text = await client.end();
        client.socket.destroy();
        return text.split(' ').map(Number);
      };
      const pids = [...(await visit()), ...(await visit())];
      assert.equal(new Set(pids).size, 4);
      supervisor.kill('SIGKILL');
      await until(() => pids.every((pid) => !isAlive(pid)), 'all of them to be gone', SLACK);
      await ended;
      const client = new RawClient(port);
      await until(() => client.error !== undefined);
      assert.equal(client.error?.code, 'ECONNREFUSED');
    } finally {
      supervisor.kill('SIGKILL');
    }
  },
  { timeout: 120_000, skip: !isNode && 'this runtime has no workers' },
);
