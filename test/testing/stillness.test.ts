import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { openConnection, sleep, timeout } from 'maitre';
import { fakeTest } from '../support/test.js';
import { isBun } from '../net/sockets.js';

const skip = isBun && 'Bun does not tell what it has open';

fakeTest(
  'a fake clock does not jump while a socket’s answer is on its way, and jumps when none is',
  async (clock) => {
    // A peer of another library, which takes some turns for every answer.
    const server = createServer((socket) => {
      socket.on('data', (chunk) => {
        let turns = 200;
        const later = (): void => void (turns-- > 0 ? setImmediate(later) : socket.write(chunk));
        later();
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const connection = await openConnection({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    try {
      for (let i = 0; i < 20; i++) {
        connection.writer.write(`${i}\n`);
        assert.equal(String(await timeout(1000, () => connection.reader.readLine())), `${i}\n`);
      }
      assert.equal(clock.now(), 0);
      await sleep(3_600_000);
      assert.equal(clock.now(), 3_600_000);
    } finally {
      await connection.close();
      server.close();
      await once(server, 'close');
    }
  },
  { skip },
);

fakeTest(
  'a loop of setImmediate beside an open socket does not stop a fake clock for good',
  async (clock) => {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    let spins = true;
    const spin = (): void => void (spins && setImmediate(spin));
    spin();
    try {
      await sleep(3_600_000);
      assert.equal(clock.now(), 3_600_000);
    } finally {
      spins = false;
      server.close();
      await once(server, 'close');
    }
  },
  { skip },
);
