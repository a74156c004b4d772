// A lunch hour at examples/orders: guests order over HTTP and leave at any moment, the till orders over TCP, and somebody
// watches the board. Then the database, the board and what the guests were told are compared, order by order.
import assert from 'node:assert/strict';
import { createTask, moveOnAfter, openConnection, sleep, TaskGroup } from 'maitre';
import { HttpClient } from 'maitre/http';
import sqlite from 'node-sqlite3-wasm';
import { WebSocket } from 'ws';
import { Mariadb, noMariadb } from '../support/mariadb.js';
import { endsWith, Folder, Program, programArgs } from '../support/program.js';
import { seeded } from '../support/seeded.js';
import { test } from '../support/test.js';

const GUESTS = 40;
const ORDERS_EACH = 3;
const TILLS = 4;
const DISHES = ['bread', 'bread', 'bread', 'soup', 'fish', 'roast'];

interface Row {
  readonly id: string;
  readonly served: number;
}

/** The program, with what it says about itself. */
async function open(env: NodeJS.ProcessEnv) {
  const program = new Program(programArgs('examples/orders/main.ts'), {
    env: { API_PORT: '0', TILL_PORT: '0', ...env },
  });
  try {
    const [, origin = ''] = await program.sees(/guests {2}(http:\/\/127\.0\.0\.1:\d+)/);
    const [, port = ''] = await program.sees(/till .* 127\.0\.0\.1:(\d+)/);
    await program.sees(/Ctrl-C/);
    return { program, origin, tillPort: Number(port) };
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}

/** Watches the board from before the first order. `seen` has every plate in the order of its coming. */
async function watchBoard(origin: string): Promise<{ readonly seen: string[]; readonly closed: Promise<number> }> {
  const seen: string[] = [];
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/board`);
  const closed = new Promise<number>((resolve) => void socket.on('close', resolve));
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data: Buffer) => {
      const { id } = JSON.parse(data.toString()) as { id?: string };
      if (id === undefined) resolve();
      else seen.push(id);
    });
  });
  return { seen, closed };
}

/** A lunch hour. Returns the ids of the orders that were accepted. */
async function lunchHour(origin: string, tillPort: number, random: () => number): Promise<Set<string>> {
  const accepted = new Set<string>();
  const client = new HttpClient({ retry: { attempts: 4, methods: ['POST'], backoff: 5 } });
  const dish = (): string => DISHES[Math.floor(random() * DISHES.length)] ?? 'bread';

  const guest = async (name: string): Promise<void> => {
    for (let n = 0; n < ORDERS_EACH; n++) {
      const body = JSON.stringify({ id: `${name}-${n}`, table: 1 + Math.floor(random() * 9), dish: dish() });
      const send = async (): Promise<boolean> => {
        using response = await client.fetch(`${origin}/orders`, { method: 'POST', body });
        assert.ok(response.status === 200 || response.status === 201, `${response.status}`);
        return true;
      };
      // Many leave before they have the answer, and most of those ask again: with the same id, it is the same order.
      let isAccepted = await moveOnAfter(random() * 30, send);
      if (isAccepted === undefined) isAccepted = await moveOnAfter(random() * 300, send);
      if (isAccepted === undefined && random() < 0.8) isAccepted = await send();
      if (isAccepted === true) accepted.add(`${name}-${n}`);
    }
  };

  const till = async (): Promise<void> => {
    const { reader, writer } = await openConnection({ host: '127.0.0.1', port: tillPort });
    const lines = reader.lines();
    for (let n = 0; n < 5; n++) {
      writer.write(`order ${1 + n} ${dish()}\n`);
      if (random() < 0.1) break; // it breaks down before it has the answer
      const { value = '' } = await lines.next();
      assert.match(value, /^ok /);
      accepted.add(value.slice('ok '.length));
    }
    writer.abort();
  };

  await TaskGroup.run((group) => {
    for (let n = 1; n <= GUESTS; n++) group.createTask(() => guest(`guest-${n}`));
    for (let n = 0; n < TILLS; n++) group.createTask(till);
  });
  return accepted;
}

/** Waits until every order is served. */
async function untilServed(origin: string): Promise<void> {
  const client = new HttpClient();
  for (;;) {
    const text = await (await client.fetch(`${origin}/metrics`)).text();
    const [, orders] = /^orders_total (\d+)$/m.exec(text) ?? [];
    const [, served] = /^orders_served_total (\d+)$/m.exec(text) ?? [];
    const [, inside] = /^kitchen_orders (\d+)$/m.exec(text) ?? [];
    assert.ok(orders !== undefined && served !== undefined, text);
    if (orders === served && inside === '0') return;
    await sleep(100); // it is another process, and needs the time
  }
}

async function serveLunch(env: NodeJS.ProcessEnv, title: RegExp, rows: () => Promise<readonly Row[]>): Promise<void> {
  const seed = Date.now() % 1e6;
  try {
    const { program, origin, tillPort } = await open(env);
    await using _ = program;
    assert.match(program.stdout, title);
    const { seen, closed } = await watchBoard(origin);
    const accepted = await lunchHour(origin, tillPort, seeded(seed));
    await untilServed(origin);
    const { stderr } = await endsWith(program, 'SIGINT', 130, 15_000);
    // Tills break down, and that is reported.
    assert.equal(stderr.replaceAll(/^.*(ExperimentalWarning|--trace-warnings|Lost .*connection).*\n/gm, ''), '');
    assert.equal(await closed, 1001, 'those who watch the board are told good-bye');

    const stored = await rows();
    const ids = stored.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, 'every order is there once');
    assert.deepEqual(
      [...accepted].filter((id) => !ids.includes(id)),
      [],
      'every accepted order is there',
    );
    assert.deepEqual(
      stored.filter(({ served }) => served !== 1),
      [],
      'every order that is there was served',
    );
    assert.deepEqual([...seen].sort(), [...ids].sort(), 'every plate was on the board, once');
    assert.ok(accepted.size > GUESTS, `${accepted.size} were accepted`);
  } catch (error) {
    throw new Error(`The lunch hour with seed ${seed} failed: ${String(error)}`, { cause: error });
  }
}

test(
  'a lunch hour on SQLite: what was accepted is stored once, cooked and on the board, whoever left',
  async () => {
    using folder = new Folder();
    const file = `${folder.path}/orders.db`;
    await serveLunch({ SQLITE_FILE: file }, /names no MariaDB, so SQLite .*\norders {2}SQLite \(/, async () => {
      const database = new sqlite.Database(file, { readOnly: true });
      const found = database.all('SELECT id, served FROM orders');
      database.close();
      return found as unknown as Row[]; // columns of these types
    });
  },
  { timeout: 90_000 },
);

test(
  'a lunch hour on MariaDB',
  async () => {
    await using mariadb = await Mariadb.start();
    const { user, password, port, database } = mariadb;
    const url = `mysql://${user}:${password}@127.0.0.1:${port}/${database}`;
    await serveLunch({ DATABASE_URL: url }, /orders {2}MariaDB at 127/, () =>
      mariadb.query<Row>('SELECT id, served FROM orders'),
    );
  },
  { timeout: 120_000, skip: noMariadb ?? false },
);

test(
  'orders that were not served when the restaurant closed are cooked when it opens again',
  async () => {
    using folder = new Folder();
    const env = { SQLITE_FILE: `${folder.path}/orders.db` };
    const first = await open(env);
    await using _ = first.program;
    const client = new HttpClient();
    for (let n = 0; n < 20; n++) {
      const body = JSON.stringify({ id: `late-${n}`, table: 1, dish: 'roast' });
      using response = await client.fetch(`${first.origin}/orders`, { method: 'POST', body });
      assert.equal(response.status, 201);
    }
    await endsWith(first.program, 'SIGTERM', 143, 15_000);
    const second = await open(env);
    await using __ = second.program;
    await untilServed(second.origin);
    const orders = (await (await client.fetch(`${second.origin}/tables/1`)).json()) as { served: boolean }[];
    assert.deepEqual([orders.length, orders.every(({ served }) => served)], [20, true]);
    await endsWith(second.program, 'SIGINT', 130, 15_000);
  },
  { timeout: 60_000 },
);

test('what is wrong with an order is said, over HTTP and at the till', async () => {
  using folder = new Folder();
  const { program, origin, tillPort } = await open({ SQLITE_FILE: `${folder.path}/orders.db` });
  await using _ = program;
  const client = new HttpClient();
  const status = async (body: string): Promise<number> => {
    using response = await client.fetch(`${origin}/orders`, { method: 'POST', body });
    return response.status;
  };
  assert.equal(await status('{"id":"a","table":1,"dish":"fly"}'), 400);
  assert.equal(await status('soup, please'), 400);
  assert.match(await (await client.fetch(origin)).text(), /What would you like\?/);
  const { reader, writer } = await openConnection({ host: '127.0.0.1', port: tillPort });
  const asked = createTask(async () => {
    writer.write('order 1 fly\ntoday\nhello\n');
    const lines = reader.lines();
    return [await lines.next(), await lines.next(), await lines.next()].map(({ value }) => value as unknown);
  });
  assert.deepEqual(await asked, [
    'no: dish must be one of bread, soup, fish, roast',
    '0 orders, 0 served',
    'what? I know: order TABLE DISH, table TABLE, today',
  ]);
  writer.abort();
  await endsWith(program, 'SIGTERM', 143, 15_000);
});
