import assert from 'node:assert/strict';
import { createDatagramEndpoint, timeout } from 'maitre';
import { Program, programArgs } from '../support/program.js';
import { test } from '../support/test.js';

test('udp-echo sends every datagram back to its sender, and says at the end how many', async () => {
  await using program = new Program(programArgs('examples/udp-echo.ts', '0'));
  const [, port] = await program.sees(/^Listening on datagram endpoint 127\.0\.0\.1:(\d+)\n/);
  const remote = { host: '127.0.0.1', port: Number(port) };
  await using one = await createDatagramEndpoint({ remote });
  await using other = await createDatagramEndpoint({ remote });
  for (const text of ['soup', '', 'bread']) {
    await one.send(`one ${text}`);
    await other.send(text);
    assert.equal(String((await timeout(5000, () => one.receive())).data), `one ${text}`);
    assert.equal(String((await timeout(5000, () => other.receive())).data), text);
  }
  program.signal('SIGINT');
  const { stdout, stderr } = await program.ended();
  assert.match(stdout, /\n6 received, 0 dropped, 6 answered\n$/);
  assert.equal(stderr, '');
});
