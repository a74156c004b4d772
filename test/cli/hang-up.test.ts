// SIGHUP at `maitre serve`.
import assert from 'node:assert/strict';
import { openConnection } from 'maitre';
import { endsWith, Folder, startServing } from '../support/program.js';
import { test } from '../support/test.js';

const SLOW = `export default async (reader, writer) => {
  writer.write(await reader.readExactly(3));
  writer.write(await reader.readExactly(4));
};`;

test('SIGHUP ends maitre serve as SIGTERM does: within the grace, its clients served to their end, with 0', async () => {
  using folder = new Folder();
  await using serving = await startServing([folder.write('slow.mjs', SLOW), '--grace', '5000']);
  await using client = await openConnection({ host: '127.0.0.1', port: serving.port });
  client.writer.write('onetw');
  assert.equal(String(await client.reader.readExactly(3)), 'one');
  const end = endsWith(serving.program, 'SIGHUP', 0, 8000);
  await serving.program.sees(/^stopping: 1 client gets up to 5 s/m);
  serving.program.signal('SIGHUP'); // the shell's, after the terminal's: no second signal
  client.writer.write('oX');
  assert.equal(String(await client.reader.read()), 'twoX');
  await client.close();
  const { stdout, stderr } = await end;
  assert.match(stdout, /^stopped: 1 finished, 0 cancelled, 0 aborted$/m);
  assert.equal(stderr, '');
});

test('a second signal after SIGHUP ends maitre serve at once', async () => {
  using folder = new Folder();
  await using serving = await startServing([folder.write('slow.mjs', SLOW), '--grace', '60000']);
  await using client = await openConnection({ host: '127.0.0.1', port: serving.port });
  client.writer.write('onetw');
  assert.equal(String(await client.reader.readExactly(3)), 'one');
  serving.program.signal('SIGHUP');
  await serving.program.sees(/^stopping: /m);
  await endsWith(serving.program, 'SIGINT', 130, 3000);
});

test('SIGHUP is left to FILE when it listens for it', async () => {
  using folder = new Folder();
  const text = `process.on('SIGHUP', () => console.log('settings read'));\n${SLOW}`;
  await using serving = await startServing([folder.write('reads.mjs', text)]);
  for (const times of [1, 2]) {
    serving.program.signal('SIGHUP');
    await serving.program.sees(new RegExp(`(settings read\n.*){${times}}$`, 's'));
  }
  await endsWith(serving.program, 'SIGTERM', 0, 5000);
  assert.equal(serving.program.stdout.match(/settings read/g)?.length, 2);
});
