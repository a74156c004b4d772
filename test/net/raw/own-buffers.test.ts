import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { openConnection } from 'maitre';
import { addOwner, deleteOwner, ownerCount } from '#src/net/raw/own-buffers.js';
import { test } from '../../support/test.js';
import { HOST, isNode, until, withServer } from '../sockets.js';

const skip = !isNode && 'there is no raw path here';

test(
  'a buffer goes at the second look that finds it unused',
  () => {
    mock.timers.enable({ apis: ['setInterval'] });
    try {
      let used = true;
      let given = 0;
      const owner = {
        wasUsed: () => {
          const was = used;
          used = false;
          return was;
        },
        giveBack: () => void given++,
      };
      addOwner(owner);
      mock.timers.tick(5000);
      used = true;
      mock.timers.tick(5000);
      assert.equal(given, 0);
      mock.timers.tick(5000);
      assert.equal(given, 1);
      assert.equal(ownerCount(), 0);
      addOwner(owner);
      deleteOwner(owner);
      mock.timers.tick(20_000);
      assert.equal(given, 1);
    } finally {
      mock.timers.reset();
    }
  },
  { skip },
);

test(
  'a connection that has read much gives its buffer back when it is idle, and reads on as before',
  async () => {
    mock.timers.enable({ apis: ['setInterval'] });
    try {
      await withServer(
        async (reader, writer) => {
          for (;;) {
            const { length } = await reader.readExactly(4);
            if (length === 0) return;
            const bytes = await reader.readExactly(3_000_000);
            writer.write(`${bytes.every((byte) => byte === bytes[0])} ${bytes[0]}\n`);
          }
        },
        { onError: () => undefined },
        async (_server, port) => {
          const client = await openConnection({ host: HOST, port });
          for (let n = 1; n <= 3; n++) {
            client.writer.write('head');
            client.writer.write(Buffer.alloc(3_000_000, n));
            assert.equal(String(await client.reader.readLine()), `true ${n}\n`);
            mock.timers.tick(5000);
            mock.timers.tick(5000);
            assert.equal(ownerCount(), 0);
          }
          await client.close();
        },
      );
      await until(() => ownerCount() === 0);
    } finally {
      mock.timers.reset();
    }
  },
  { skip },
);
