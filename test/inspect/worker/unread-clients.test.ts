import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe } from 'node:test';
import { countIn, readKernel } from '#src/inspect/worker/unread-clients.js';
import { test } from '../../support/test.js';

const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

function row(local: string, state: string, unread: string, inode: number): string {
  return `   0: ${local} 0100007F:D431 ${state} 00000000:${unread} 00:00000000 00000000     0        0 ${inode} 1 0 100 0 0 10 0\n`;
}

describe('unread clients', () => {
  test('count by connection, of the ports on which this process listens', () => {
    const tables =
      head +
      row('0100007F:1F90', '0A', '00000003', 10) + // listens, three wait
      row('0100007F:1F90', '01', '00000010', 11) + // ours, unread
      row('0100007F:1F90', '08', '00000001', 12) + // ours, unread, the peer has ended
      row('0100007F:1F90', '01', '00000000', 13) + // ours, nothing to read
      row('0100007F:1F90', '01', '00000010', 99) + // of another process on the same port
      row('0100007F:1F90', '01', '00000005', 0) + // not accepted yet
      row('0100007F:1F90', '06', '00000005', 0) + // over
      row('0100007F:0050', '01', '00000010', 14) + // opened by us
      head +
      row('00000000000000000000000001000000:1F90', '01', '00000002', 15);
    assert.deepEqual(countIn(tables, new Set(['10', '11', '12', '13', '14', '15'])), {
      unread: 4,
      backlog: new Map([[0x1f90, 3]]),
    });
  });

  test('are unknown where this process listens on no port', () => {
    assert.equal(countIn(head + row('0100007F:0050', '01', '00000010', 14), new Set(['14'])), undefined);
  });

  test(
    'are what the kernel says of real sockets',
    async () => {
      const server = createServer({ pauseOnConnect: true });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo; // it listens on TCP
      const sockets: Socket[] = [];
      const accepted = new Promise<void>((resolve) => {
        server.on('connection', (socket) => {
          if (sockets.push(socket) === 5) resolve();
        });
      });
      const clients = Array.from({ length: 5 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
      await accepted;
      await Promise.all(clients.slice(0, 3).map((client) => new Promise((resolve) => client.write('x', resolve))));
      assert.equal(readKernel()?.unread, 3);
      assert.equal(readKernel()?.backlog.get(port), 0);
      for (const socket of [...clients, ...sockets]) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
    { skip: process.platform === 'linux' ? false : 'only Linux has /proc' },
  );
});
