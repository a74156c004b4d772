import assert from 'node:assert/strict';
import { loopTime } from 'maitre/lowlevel';
import { Connection } from '#src/net/index.js';
import { memoryWirePair } from '#src/simulation/memory-wire.js';
import { fakeTest } from '../support/test.js';
import { testTransport } from './transport-suite.js';

testTransport('the fastest path');

fakeTest('a closed connection drops 16 MiB of what its peer sends at full speed, and the rest slowly', async () => {
  const end = (port: number) => ({ address: '10.0.0.1', port, family: 'IPv4' }) as const;
  const [a, b] = memoryWirePair(end(50_000), end(80));
  const [client, server] = [Connection.make(a, {}), Connection.make(b, { accepted: true })];
  server.writer.write(Buffer.alloc(50_000)); // more than leaves at once: the socket waits for the peer's end
  await server.close();
  const took = async (mebibytes: number): Promise<number> => {
    const began = loopTime();
    client.writer.write(Buffer.alloc(mebibytes << 20));
    await client.writer.drain();
    return loopTime() - began;
  };
  assert.ok((await took(15)) < 50);
  assert.ok((await took(4)) > 400); // 48 pieces of 64 KiB too many, 10 ms each
  assert.equal(server.bytesRead, 0);
  await client.close();
});
