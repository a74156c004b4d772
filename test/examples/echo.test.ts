import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { openConnection } from 'maitre';
import { endsWith, startServing } from '../support/program.js';
import { test } from '../support/test.js';

test('echo sends back every byte, also after the client has ended its side', async () => {
  await using echo = await startServing(['examples/echo.ts']);
  const connection = await openConnection({ host: '127.0.0.1', port: echo.port });
  connection.writer.write('first');
  assert.equal(String(await connection.reader.readExactly(5)), 'first');
  const bytes = randomBytes(300_000);
  connection.writer.write(bytes);
  connection.writer.writeEof();
  assert.ok(bytes.equals(await connection.reader.read()), 'other bytes came back');
  await connection.close();
  await echo.program.sees(/ms  300005 bytes in, 300005 out  done\n/);
  const { stderr } = await endsWith(echo.program, 'SIGTERM', 0, 5000);
  assert.equal(stderr, '');
});

test('echo holds up a client that sends and does not read, loses nothing of it, and serves the others', async () => {
  await using echo = await startServing(['examples/echo.ts']);
  // More than the kernel's buffers of both directions take.
  const bytes = randomBytes(48 * 1024 * 1024);
  const greedy = connect({ host: '127.0.0.1', port: echo.port });
  await once(greedy, 'connect');
  for (let at = 0; at < bytes.length; at += 65536) greedy.write(bytes.subarray(at, at + 65536));
  greedy.end();

  // Until nothing moves any more for as long as another client needs for 50 echoes.
  const other = await openConnection({ host: '127.0.0.1', port: echo.port });
  let left = Infinity;
  for (let still = 0; still < 50; still++) {
    other.writer.write('.');
    assert.equal(String(await other.reader.readExactly(1)), '.');
    if (greedy.writableLength !== left) still = 0;
    left = greedy.writableLength;
  }
  assert.ok(left > 0, 'echo took all of it');

  const back = createHash('sha256');
  greedy.on('data', (chunk) => back.update(chunk));
  await once(greedy, 'end');
  assert.equal(back.digest('hex'), createHash('sha256').update(bytes).digest('hex'));
  greedy.destroy();
  await once(greedy, 'close');
  await other.close();
});
