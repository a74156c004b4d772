// npm start -- examples/orders
//
// A restaurant as a service: guests order over HTTP and watch the board over WebSocket, the till orders over TCP, a kitchen
// cooks on threads, and the orders are in a database. README.md says what to try.
//
// Each line that begins with `await using` opens a part, and the end of the block closes them from the last to the first.
// Ctrl-C cancels the sleep. So the doors close first: answers on their way are finished, and those who watch the board are
// told good-bye. Then the kitchen finishes what is on the stoves, and at last the database is closed.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, sleep, startServer } from 'maitre';
import { serveHttp } from 'maitre/http';
import { api } from './api.ts';
import { Board } from './board.ts';
import { Kitchen } from './kitchen.ts';
import { openStore } from './store.ts';
import { till } from './till.ts';

const {
  HOST: host = '127.0.0.1',
  API_PORT = '8010',
  TILL_PORT = '8012',
  DATABASE_URL,
  SQLITE_FILE = join(tmpdir(), 'maitre-orders.db'),
} = process.env;

await run(async () => {
  await using store = await openStore(DATABASE_URL, SQLITE_FILE);
  using board = new Board();
  await using kitchen = new Kitchen(store, (order) => board.announce(order));
  await using counter = await startServer(till(store, kitchen), { host, port: Number(TILL_PORT) });
  await using door = await serveHttp(api(store, kitchen, board), { host, port: Number(API_PORT) });

  if (DATABASE_URL === undefined) console.log('DATABASE_URL names no MariaDB, so SQLite has the orders');
  console.log(`orders  ${store.title}`);
  console.log(`guests  http://${place(door.addresses)}/`);
  console.log(`till    npx maitre connect ${place(counter.addresses)}`);
  console.log('Ctrl-C closes the restaurant');
  await sleep(Infinity);
});

/** `127.0.0.1:8010` */
function place([address]: readonly object[]): string {
  const { port } = address as { readonly port: number }; // it listens on a port
  return `${host}:${port}`;
}
