import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jsonLines, openConnection, sleep, startServer, writeJsonLine } from 'maitre';
import { startInspector } from 'maitre/inspect';
import { completed, type Frame, type SentFrame } from '#src/inspect/protocol/index.js';
import { test } from '../../support/test.js';

/** A folder for a socket, removed at the end. */
function folder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'live-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test('frames over the control socket follow the clients, and go on while the loop is blocked', async () => {
  using place = folder();
  await using inspector = await startInspector({ socket: join(place.path, 's') });
  await using server = await startServer(async (reader) => void (await reader.readLine()), { host: '127.0.0.1' });
  await using viewer = await openConnection({ path: inspector.socket ?? '' });
  const lines = jsonLines(viewer.reader);
  let last: Frame | undefined;
  const next = async (test: (frame: Frame) => boolean): Promise<Frame> => {
    for (;;) {
      const sent = ((await lines.read()) as { readonly frame?: SentFrame } | undefined)?.frame; // by the protocol
      if (sent === undefined) continue;
      last = completed(sent, last);
      if (test(last)) return last;
    }
  };
  writeJsonLine(viewer.writer, { id: 1, method: 'subscribe' });
  assert.deepEqual(await lines.read(), { id: 1, result: { subscription: 1 } });
  const first = await next(() => true);
  assert.deepEqual([first.full, first.of, first.total], [true, 'clients', 0]);
  const client = await openConnection({ host: '127.0.0.1', port: server.port });
  const seated = await next(({ total }) => total === 1);
  assert.deepEqual([seated.full, seated.seated.length, seated.counts.balls[0]], [false, 1, 1]);
  block(500);
  const blocked = await next(({ block: row }) => row?.over === false && row.ms > 300);
  assert.match(blocked.sentence, /^Blocked for \d+ ms/);
  const over = await next((frame) => frame.block?.over === true);
  assert.ok((over.block?.ms ?? 0) >= 400);
  client.writer.write('bye\n');
  await client.close();
  const left = await next((frame) => frame.left.length === 1);
  assert.equal(left.total, 0);
});

test('the page has frames and answers, and makes no addresses of itself', async () => {
  await using inspector = await startInspector({ socket: false, web: true });
  const address = new URL(inspector.page ?? '');
  const entered = await fetch(address, { redirect: 'manual', headers: { connection: 'close' } });
  const cookie = entered.headers.get('set-cookie')?.split(';')[0] ?? '';
  const ask = async (method: string): Promise<unknown> => {
    const headers = { cookie, 'content-type': 'application/json', connection: 'close' };
    const body = JSON.stringify({ id: 1, method });
    return await (await fetch(new URL('/api/request', address), { method: 'POST', headers, body })).json();
  };
  assert.match(JSON.stringify(await ask('hello')), /"protocol":1/);
  assert.match(JSON.stringify(await ask('page')), /NOT_ALLOWED/);
  assert.match(JSON.stringify(await ask('subscribe')), /BAD_REQUEST/);
  const controller = new AbortController();
  const frames = await fetch(new URL('/api/frames', address), { headers: { cookie }, signal: controller.signal });
  let text = '';
  for await (const chunk of frames.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (/data: \{"seq":2/.test(text)) break;
  }
  controller.abort();
  assert.match(text, /^retry: 2000\nevent: subscription\ndata: \{"subscription":1\}\n\ndata: \{"seq":1,/);
  await sleep(50); // sockets of the system end by themselves
});

test('metrics are served on a port of their own', async () => {
  const token = 'a-token-of-some-length';
  await using inspector = await startInspector({ socket: false, metrics: { token } });
  const headers = { authorization: `Bearer ${token}`, connection: 'close' };
  const response = await fetch(`http://127.0.0.1:${inspector.metricsPort}/metrics`, { headers });
  assert.match(await response.text(), /^maitre_tasks \d+$/m);
  assert.equal(inspector.page, undefined);
  await assert.rejects(startInspector({ metrics: {} as never }), /token must be a text of at least 16/);
  await sleep(50); // as above
});

/** Blocks the loop for some milliseconds. */
function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
