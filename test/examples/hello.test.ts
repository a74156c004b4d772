import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { openConnection } from 'maitre';
import { endsWith, startServing } from '../support/program.js';
import { test } from '../support/test.js';

test('hello answers each client, prints what it received, and ends with 0 on SIGINT', async () => {
  await using hello = await startServing(['examples/hello.ts']);
  const connection = await openConnection({ host: '127.0.0.1', port: hello.port });
  connection.writer.write('hi');
  assert.equal(String(await connection.reader.read()), 'Hello, Client!');
  await connection.close();
  await hello.program.sees(/^Received: hi\n127\.0\.0\.1:\d+  \d+ ms  2 bytes in, 14 out  done\n/m);
  const { stderr } = await endsWith(hello.program, 'SIGINT', 0, 5000);
  assert.equal(stderr, '');
});

const python = `
import asyncio, sys
async def main():
    reader, writer = await asyncio.open_connection('127.0.0.1', int(sys.argv[1]))
    writer.write(b'hi'); await writer.drain()
    print((await reader.read()).decode(), end='')
    writer.close(); await writer.wait_closed()
asyncio.run(main())
`;

/** Clients that know nothing of maitre. Each gets the port as its last argument. */
const strangers: Record<string, (port: string) => [command: string, args: string[]]> = {
  nc: (port) => ['sh', ['-c', `printf hi | nc 127.0.0.1 ${port}`]],
  python3: (port) => ['python3', ['-c', python, port]],
};

for (const [name, command] of Object.entries(strangers)) {
  const there = spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
  const skip = !there && `${name} is not installed`;
  test(
    `hello answers ${name}`,
    async () => {
      await using hello = await startServing(['examples/hello.ts']);
      const { stdout, stderr } = spawnSync(...command(String(hello.port)), { encoding: 'utf8', timeout: 10_000 });
      assert.deepEqual([stdout, stderr], ['Hello, Client!', '']);
      await hello.program.sees(/^Received: hi$/m);
    },
    { skip: name === 'nc' && process.env['CI'] === 'true' ? false : skip },
  );
}
