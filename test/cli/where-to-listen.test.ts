// Which address the options mean. That systemd's sockets are served is in serve.test.ts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { openConnection } from 'maitre';
import { CommandError } from '#src/cli/command.js';
import { whereToListen } from '#src/cli/where-to-listen.js';
import { endsWith, Folder, maitre, Program, runMaitre } from '../support/program.js';
import { test } from '../support/test.js';

const none = { host: '127.0.0.1', port: 8002, path: undefined, fd: undefined };

test('the address is what was given, the fallbacks where nothing was', () => {
  assert.deepEqual(whereToListen(none, new Set()), { host: '127.0.0.1', port: 8002 });
  assert.deepEqual(whereToListen({ ...none, host: '::1' }, new Set(['host'])), { host: '::1', port: 8002 });
  assert.deepEqual(whereToListen({ ...none, path: 'x.sock' }, new Set(['path'])), { path: 'x.sock' });
  assert.deepEqual(whereToListen({ ...none, fd: 3 }, new Set(['fd'])), { fd: 3 });
});

test('options that exclude each other are wrong usage, also where one has the value of its fallback', () => {
  for (const [place, given, message] of [
    [{ ...none, path: 'x' }, ['path', 'port'], /give either --path, or --host and --port/],
    [{ ...none, path: 'x' }, ['path', 'host'], /give either --path, or --host and --port/],
    [{ ...none, fd: 3 }, ['fd', 'port'], /give either --fd, or an address/],
    [{ ...none, fd: 3, path: 'x' }, ['fd', 'path'], /give either --fd, or an address/],
  ] as const) {
    assert.throws(
      () => whereToListen(place, new Set(given)),
      (error) => {
        assert.ok(error instanceof CommandError);
        assert.match(error.message, message);
        assert.equal(error.exitCode, 2);
        return true;
      },
    );
  }
});

test(
  '--fd serves a listening socket that the program was started with',
  async () => {
    using folder = new Folder();
    const file = folder.write('hello.mjs', `export default (reader, writer) => void writer.write('hello');`);
    const listener = createServer();
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as { port: number }; // TCP
    const { fd } = (listener as unknown as { _handle: { fd: number } })._handle; // Node's own field
    {
      await using program = new Program([maitre, 'serve', file, '--fd', '3'], { inherited: [fd] });
      await program.sees(new RegExp(`^serving .* on 127\\.0\\.0\\.1:${port};`));
      listener.close();
      const client = await openConnection({ host: '127.0.0.1', port });
      assert.equal(String(await client.reader.read()), 'hello');
      await client.close();
      await endsWith(program, 'SIGTERM', 0, 5000);
    }
    const { code, stdout, stderr } = await runMaitre(['serve', file, '--fd', '77']);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^maitre: cannot listen on descriptor 77: .*\n$/);
  },
  {
    skip:
      (process.platform === 'win32' && 'there are no descriptors') ||
      ('deno' in process.versions && 'Deno hands no descriptors to a child process'),
  },
);
