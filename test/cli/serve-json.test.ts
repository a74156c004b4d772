// `maitre serve --log json`.
import assert from 'node:assert/strict';
import { openConnection } from 'maitre';
import type { ServeEvent } from '#src/workers/serve/serve-events.js';
import { jsonLine } from '#src/cli/serve-json.js';
import { endsWith, Folder, maitre, Program } from '../support/program.js';
import { test } from '../support/test.js';

const SALTY = `export default async (reader) => {
  throw new Error(String(await reader.readLine()));
};`;

/** What a terminal would obey, with what JSON leaves as it is. */
const HOSTILE = '\x1b]0;owned\x07\x1b[2J\r\x7f\u009b31m\u2028{"event":"forged"}\u202e "\\';

test('jsonLine() has no control characters, and parses to what it was made of', () => {
  const line = jsonLine({ text: HOSTILE });
  assert.doesNotMatch(line, /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
  assert.deepEqual(JSON.parse(line), { text: HOSTILE });
});

test('--log json prints every event as one JSON object a line with its time, errors too', async () => {
  using folder = new Folder();
  const file = folder.write('salty.mjs', SALTY);
  await using program = new Program([maitre, 'serve', file, '--port', '0', '--log', 'json']);
  const [, port] = await program.sees(/"port":(\d+)/);
  const client = await openConnection({ host: '127.0.0.1', port: Number(port) });
  client.writer.write(`${HOSTILE}\n`);
  await client.reader.read();
  await client.close();
  await program.sees(/"state":"ended"/);
  const { stdout, stderr } = await endsWith(program, 'SIGTERM', 0, 5000);
  assert.equal(stderr, '');
  assert.doesNotMatch(stdout.replaceAll('\n', ''), /[\p{Cc}\p{Zl}\p{Zp}]/u);
  const lines = stdout.trimEnd().split('\n');
  const events = lines.map((line) => JSON.parse(line) as ServeEvent & { time: string }); // that is the claim
  const names = events.map((event) => (event.event === 'client' ? event.state : event.event));
  assert.deepEqual(names, ['ready', 'opened', 'error', 'ended', 'stopping', 'stopped']);
  const [ready, , error, ended] = events;
  assert.ok(ready?.event === 'ready' && ready.file === file && ready.pid === program.child.pid);
  assert.ok(error?.event === 'error' && error.error.includes(HOSTILE));
  assert.ok(ended?.event === 'client' && ended.state === 'ended' && ended.outcome === 'failed');
  assert.equal(ended.reason, HOSTILE);
  for (const { time } of events) assert.equal(new Date(time).toISOString(), time);
});

test('--log json --quiet leaves the clients out, and not the errors', async () => {
  using folder = new Folder();
  const file = folder.write('salty.mjs', SALTY);
  await using program = new Program([maitre, 'serve', file, '--port', '0', '--log=json', '--quiet']);
  const [, port] = await program.sees(/"port":(\d+)/);
  const client = await openConnection({ host: '127.0.0.1', port: Number(port) });
  client.writer.write('soup\n');
  await client.reader.read();
  await client.close();
  await program.sees(/"event":"error"/);
  const { stdout } = await endsWith(program, 'SIGTERM', 0, 5000);
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as ServeEvent).event); // as above
  assert.deepEqual(events, ['ready', 'error', 'stopping', 'stopped']);
});
