// maitre's streams and those of others: Python's asyncio on both sides, and nc.
import assert from 'node:assert/strict';
import { openConnection, startServer } from 'maitre';
import { test } from '../support/test.js';
import { missing, Program } from './programs.js';
import { echo, HOST, portOf, temporaryFolder, withServer } from './sockets.js';

const noPython = missing('python3');
const noNc = missing('nc');

const pythonClient = `
import asyncio, sys

async def main():
    if sys.argv[1].isdigit():
        reader, writer = await asyncio.open_connection('127.0.0.1', int(sys.argv[1]))
    else:
        reader, writer = await asyncio.open_unix_connection(sys.argv[1])
    for number in range(200):
        line = (f'line {number} ' + 'ä' * (number * 7 % 500) + '\\n').encode()
        writer.write(line)
        await writer.drain()
        assert await reader.readline() == line, number
    big = bytes(range(256)) * 8000
    big = big.replace(b'\\n', b'.') + b'\\n'
    async def send():
        for at in range(0, len(big), 65536):
            writer.write(big[at:at + 65536])
            await writer.drain()
        writer.write_eof()
    sender = asyncio.create_task(send())
    assert await reader.read() == big
    await sender
    writer.close()
    await writer.wait_closed()
    print('all well')

asyncio.run(main())
`;

const pythonServer = `
import asyncio

async def handle(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.write(b'bye')
    writer.close()
    await writer.wait_closed()

async def main():
    server = await asyncio.start_server(handle, '127.0.0.1', 0, limit=2**22)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
`;

test(
  "Python's asyncio client talks to a server of maitre, over TCP and a Unix socket",
  async () => {
    using dir = temporaryFolder();
    const path = dir.at('s');
    const limit = 4_000_000;
    const servers = [await startServer(echo, { host: HOST, limit }), await startServer(echo, { path, limit })];
    for (const [i, server] of servers.entries()) {
      const to = i === 0 ? String(portOf(server)) : path;
      await using program = new Program('python3', ['-c', pythonClient, to]);
      assert.equal(await program.ends(), 0, program.errors);
      assert.equal(program.output, 'all well\n');
      await server.shutdown();
    }
  },
  { skip: noPython },
);

test(
  "a client of maitre talks to a server of Python's asyncio",
  async () => {
    await using program = new Program('python3', ['-c', pythonServer]);
    const port = Number(await program.prints(/^(\d+)$/m));
    const { reader, writer } = await openConnection({ host: HOST, port });
    for (let i = 0; i < 200; i++) {
      writer.write(`line ${i} ${'x'.repeat((i * 7) % 500)}\n`);
      await writer.drain();
      assert.match(String(await reader.readLine()), new RegExp(`^LINE ${i} X*\\n$`));
    }
    writer.write(`${'y'.repeat(1_000_000)}\n`);
    assert.equal((await reader.readUntil('\n', { limit: 2_000_000 })).length, 1_000_001);
    writer.writeEof();
    assert.equal(String(await reader.read()), 'bye');
    writer.close();
    await writer.waitClosed();
  },
  { skip: noPython },
);

test(
  'nc gets its answer',
  async () => {
    await withServer(echo, {}, async (_server, port) => {
      await using program = new Program('nc', ['-N', HOST, String(port)], 'one\ntwo\n');
      assert.equal(await program.ends(), 0, program.errors);
      assert.equal(program.output, 'one\ntwo\n');
    });
  },
  { skip: noNc },
);
