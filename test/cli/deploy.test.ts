// The guide on deployment: its units and its configuration of haproxy are read by the real programs, and haproxy runs in
// front of two workers. Under systemd's activation, workers serve the sockets, and systemd is told of everything.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openConnection } from 'maitre';
import { fencedBlocks } from '../meta/markdown.js';
import { missing } from '../net/programs.js';
import { freePort, pause, until } from '../net/sockets.js';
import { endsWith, Folder, maitre, Program, root } from '../support/program.js';
import { noSystemdNotify, SystemdListener } from '../support/systemd-listener.js';
import { test } from '../support/test.js';

const isNode = !('bun' in process.versions || 'deno' in process.versions);
const noWorkers = !isNode && 'this runtime cannot hand clients to workers';
const noHaproxy = missing('haproxy');

const blocks = fencedBlocks(readFileSync(join(root, 'docs/guides/deploy.md'), 'utf8'));

/** The text of a file that the guide shows. */
function shown(name: string): string {
  const block = blocks.find(({ info }) => info.endsWith(` ${name}`));
  assert.ok(block !== undefined, `the guide shows no ${name}`);
  return block.code;
}

const ECHO = `import { threadId } from 'node:worker_threads';
export default async (reader, writer, connection) => {
  for await (const line of reader.lines()) {
    writer.write(\`\${line} \${connection.peer.port} \${process.pid}:\${threadId}\\n\`);
    await writer.drain();
  }
};`;

test(
  'systemd accepts the units without a remark',
  () => {
    using folder = new Folder();
    const service = shown('soup.service').replace('/usr/bin/node', process.execPath);
    const units = [folder.write('soup.socket', shown('soup.socket')), folder.write('soup.service', service)];
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', ...units], { encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, '']);
  },
  { skip: missing('systemd-analyze') },
);

test(
  'haproxy accepts its configuration without a remark, and says who the client is in front of two workers',
  async () => {
    using folder = new Folder();
    const [port, served] = [await freePort(), await freePort()];
    const text = shown('haproxy.cfg');
    const check = spawnSync('haproxy', ['-c', '-f', folder.write('shown.cfg', text)], { encoding: 'utf8' });
    assert.deepEqual([check.status, check.stderr], [0, '']);
    const config = text
      .replace('bind :8002', `bind 127.0.0.1:${port}`)
      .replace('10.0.0.1:8002', `127.0.0.1:${served}`)
      .replace(/^.*10\.0\.0\.2.*\n/m, '');
    const file = folder.write('echo.mjs', ECHO);
    const args = ['--workers', '2', '--port', String(served), '--proxy-protocol', '--log', 'json'];
    await using running = new Program([maitre, 'serve', file, ...args]);
    await running.sees(/"workers":2/);
    await using _balancer = new Program(['-f', folder.write('haproxy.cfg', config), '-db'], { command: 'haproxy' });
    const clients = [];
    for (let i = 0; i < 2; i++) clients.push(await connected(port));
    const workers = [];
    for (const client of clients) {
      client.writer.write('soup\n');
      const [word, peer, worker] = String(await client.reader.readLine())
        .trim()
        .split(' ');
      assert.deepEqual([word, Number(peer)], ['soup', (client.local as { port: number }).port]);
      workers.push(worker);
    }
    assert.notEqual(workers[0], workers[1], 'both at one worker');
    for (const client of clients) {
      client.abort();
      await client.close();
    }
    await endsWith(running, 'SIGTERM', 0, 20_000);
    assert.equal(running.stderr, '');
  },
  { skip: noHaproxy || noWorkers, timeout: 120_000 },
);

/** A connection through the balancer, as soon as that listens. */
async function connected(port: number): ReturnType<typeof openConnection> {
  for (const until = performance.now() + 20_000; ; await pause(20)) {
    const connection = await openConnection({ host: '127.0.0.1', port }).catch(() => undefined);
    if (connection !== undefined) return connection;
    assert.ok(performance.now() < until, 'haproxy does not listen');
  }
}

test(
  'workers serve the sockets of systemd, and it is told when they are ready, reload, fail to, and stop',
  async () => {
    using folder = new Folder();
    await using listener = await SystemdListener.open(join(folder.path, 'notify'));
    const port = await freePort();
    const file = folder.write('echo.mjs', ECHO);
    const env = ['-E', `NOTIFY_SOCKET=${listener.path}`, '-E', 'WATCHDOG_USEC=2000000'];
    const args = ['-l', `127.0.0.1:${port}`, ...env, process.execPath, maitre, 'serve', file, '--workers', '2'];
    await using running = new Program(args, { command: 'systemd-socket-activate' });
    await running.sees(/^Listening on .* as 3\.\n/m, 'stderr');
    const client = await openConnection({ host: '127.0.0.1', port });
    client.writer.write('soup\n');
    assert.match(String(await client.reader.readLine()), /^soup /);
    const place = `${file} on 127.0.0.1:${port}`;
    assert.deepEqual(await listener.sees(/^READY=1$/), ['READY=1', `STATUS=2 workers serve ${place}`]);
    await listener.sees(/^WATCHDOG=1$/);
    running.signal('SIGHUP');
    await listener.sees(/^RELOADING=1$/);
    await until(() => count(listener, 'READY=1') === 2, 'the end of the reload');
    const reloading = listener.messages.find(([line]) => line === 'RELOADING=1');
    assert.match(reloading?.[1] ?? '', /^MONOTONIC_USEC=\d+$/);
    folder.write('echo.mjs', 'throw new Error("no menu");');
    running.signal('SIGHUP');
    await until(() => count(listener, 'READY=1') === 3, 'the end of the failed reload');
    await listener.sees(/^STATUS=2 workers serve .*; the last reload failed$/);
    await endsWith(running, 'SIGTERM', 0, 20_000);
    await listener.sees(/^STOPPING=1$/);
    client.abort();
    await client.close();
  },
  { skip: missing('systemd-socket-activate') || noSystemdNotify || noWorkers, timeout: 120_000 },
);

function count(listener: SystemdListener, line: string): number {
  return listener.messages.filter((message) => message.includes(line)).length;
}
