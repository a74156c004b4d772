// What holds for workers of both kinds, threads and processes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { type Connection, openConnection, type ServerOptions } from 'maitre';
import type { ErrorEvent, LeafMaker, ServeEvent } from '#src/workers/index.js';
import type { WorkerStart } from '#src/workers/protocol.js';
import type { LeafEvents } from '#src/workers/worker-leaf.js';
import { first } from '../net/fixtures/certificates.js';
import { seeded } from '../support/seeded.js';
import { test as anyTest } from '../support/test.js';
import { type Hand, Staff } from './support/staff.js';

export const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}.js`, import.meta.url));

/** A client of the fixture `kitchen`, and which worker serves it. */
export interface Guest {
  readonly connection: Connection;
  readonly worker: number;
  readonly pid: number;
  /** Says a line. Resolves with the answer; '' when the worker is gone. */
  readonly say: (line: string) => Promise<string>;
}

export async function visit(port: number, options: object = {}): Promise<Guest> {
  const connection = await openConnection({ host: '127.0.0.1', port, ...options });
  const { reader, writer } = connection;
  const [, worker, , pid] = String(await reader.readLine()).split(' ');
  return {
    connection,
    worker: Number(worker),
    pid: Number(pid),
    say: async (line) => {
      try {
        writer.write(`${line}\n`);
        return String(await reader.readLine());
      } catch {
        return ''; // a reset
      }
    },
  };
}

export function checkLeaves(maker: (start: Omit<WorkerStart, 'id'>) => LeafMaker, skip: string | false): void {
  const test = (name: string, body: () => unknown): void => anyTest(name, body, { skip });
  const serving = (name: string, server: ServerOptions = {}): Staff =>
    new Staff(maker({ file: fixture(name), server: { host: '127.0.0.1', ...server } as ServerOptions, quiet: false }));

  test('a worker serves the clients that it is sent, and lets them end when it drains', async () => {
    await using staff = serving('kitchen');
    const [hand] = await staff.start();
    const { connection, say, worker } = await visit(staff.port);
    assert.equal(worker, 1);
    assert.equal(await say('soup'), 'soup\n');
    assert.equal(staff.deck.connections(1), 1);
    staff.drain(hand!);
    assert.equal(String(await connection.reader.read()), '');
    connection.writer.close();
    assert.equal((await hand!.drained).finished, 1);
    assert.deepEqual(await hand!.gone, { clients: 0, error: undefined });
    assert.deepEqual(
      hand!.events.map((event) => ('state' in event ? event.state : event.event)),
      ['ready', 'opened', 'stopping', 'ended', 'stopped'],
    );
  });

  test('100 connections go to two workers as 50 and 50', async () => {
    await using staff = serving('kitchen');
    await staff.start(2);
    const guests = await Promise.all(Array.from({ length: 100 }, () => visit(staff.port)));
    assert.deepEqual(
      [1, 2].map((id) => guests.filter(({ worker }) => worker === id).length),
      [50, 50],
    );
    assert.deepEqual(
      [1, 2].map((id) => staff.deck.connections(id)),
      [50, 50],
    );
    for (const { connection } of guests) connection.abort();
  });

  test('a worker that is killed takes its clients with it, and no other', async () => {
    await using staff = serving('kitchen');
    const [victim] = await staff.start(2);
    const guests = await Promise.all(Array.from({ length: 10 }, () => visit(staff.port)));
    victim!.leaf.kill();
    assert.deepEqual(await victim!.gone, { clients: 5, error: undefined });
    for (const { connection, worker, say } of guests) {
      assert.equal(await say('still there?'), worker === 1 ? '' : 'still there?\n');
      connection.abort();
    }
  });

  test('an error that nobody catches ends its worker alone, and is why it is gone', async () => {
    await using staff = serving('kitchen');
    await staff.start(2);
    const guests = await Promise.all([visit(staff.port), visit(staff.port)]);
    const [victim, other] = guests;
    assert.equal(await victim.say('throw'), '');
    const { clients, error } = await staff.hands[victim.worker - 1]!.gone;
    assert.equal(clients, 1);
    assert.equal(error?.message, 'the soup is burnt');
    assert.equal(await other.say('soup'), 'soup\n');
    for (const { connection } of guests) connection.abort();
  });

  test('what the program itself sends to its parent is for nobody', async () => {
    await using staff = serving('kitchen');
    const [hand] = await staff.start();
    const before = hand!.events.length;
    const guest = await visit(staff.port);
    assert.equal(await guest.say('send\nsoup'), 'soup\n');
    staff.drain(hand!);
    guest.connection.writer.close();
    assert.deepEqual(await hand!.gone, { clients: 0, error: undefined });
    assert.deepEqual(
      hand!.events.slice(before).map((event) => event.event),
      ['client', 'stopping', 'client', 'stopped'],
    );
  });

  test('process.exit() ends its worker alone', async () => {
    await using staff = serving('kitchen');
    const [hand] = await staff.start();
    const guest = await visit(staff.port);
    assert.equal(await guest.say('exit'), '');
    const { clients, error } = await hand!.gone;
    assert.equal(clients, 1);
    assert.equal(error?.message, 'it ended by itself: exit code 3');
    guest.connection.abort();
  });

  test('a worker that exits says so first: clients that come then go to others', async () => {
    await using staff = serving('kitchen');
    await staff.start(2);
    const [one, other] = await Promise.all([visit(staff.port), visit(staff.port)]);
    const end = one.say('linger');
    const { ends, gone } = staff.hands[one.worker - 1]!;
    await ends;
    const guests = await Promise.all([visit(staff.port), visit(staff.port)]);
    assert.equal(gone.done(), false);
    for (const { worker } of guests) assert.equal(worker, other.worker);
    assert.equal(await end, '');
    assert.equal((await gone).clients, 1);
    for (const { connection } of [one, other, ...guests]) connection.abort();
  });

  test('a worker whose loop hangs can be killed', async () => {
    await using staff = serving('kitchen');
    const [hand] = await staff.start();
    const guest = await visit(staff.port);
    const answer = guest.say('hang');
    await guest.connection.writer.drain();
    hand!.leaf.kill();
    assert.equal(await answer, '');
    assert.equal((await hand!.gone).clients, 1);
    guest.connection.abort();
  });

  test('clients that come while no worker is ready wait for one', async () => {
    await using staff = serving('kitchen');
    const [hand] = await staff.start();
    const { port } = staff;
    hand!.leaf.kill();
    await hand!.gone;
    const waiting = visit(port);
    await staff.start();
    const guest = await waiting;
    assert.equal(guest.worker, 2);
    guest.connection.abort();
  });

  test('maxConnections and maxPerIp hold for all workers together', async () => {
    await using staff = serving('kitchen', { maxConnections: 2, maxPerIp: 3 });
    await staff.start(2);
    const guests = await Promise.all([visit(staff.port), visit(staff.port)]);
    const third = visit(staff.port); // parked
    while (staff.deck.statistics().waiting === 0) await new Promise((resolve) => void setTimeout(resolve, 5));
    await assert.rejects(visit(staff.port)); // a reset, while it connects or reads
    assert.deepEqual(staff.refused, ['maxPerIp']);
    guests[0].connection.abort();
    const late = await third;
    assert.equal(late.worker, guests[0].worker);
    for (const { connection } of [guests[1], late]) connection.abort();
  });

  test('workers speak TLS and read PROXY headers', async () => {
    const tls = { key: first.key, cert: first.cert };
    await using staff = serving('kitchen', { tls, proxyProtocol: true });
    await staff.start();
    const connection = await openConnection({ host: '127.0.0.1', port: staff.port });
    connection.writer.write('PROXY TCP4 192.0.2.7 192.0.2.1 5000 443\r\n');
    await connection.writer.startTls({ rejectUnauthorized: false });
    assert.match(String(await connection.reader.readLine()), /^worker 1 true \d+ 192\.0\.2\.7\n$/);
    connection.abort();
  });

  test('workers serve an app over HTTP', async () => {
    await using staff = serving('web');
    await staff.start();
    const body = await new Promise<string>((resolve, reject) => {
      request({ host: '127.0.0.1', port: staff.port, agent: false }, (response) => {
        response.setEncoding('utf8').on('data', resolve);
      })
        .on('error', reject)
        .end();
    });
    assert.equal(body, 'worker 1');
  });

  test('a program without a default export listens by the supervisor, and ends as by a signal', async () => {
    await using staff = serving('program');
    const [hand, other] = await staff.start(2);
    while (staff.deck.addresses.length < 2) await new Promise((resolve) => void setTimeout(resolve, 5));
    const lines = await Promise.all(
      staff.deck.addresses.map(async (address) => {
        const { port } = address as { readonly port: number };
        await using connection = await openConnection({ host: '127.0.0.1', port });
        return String(await connection.reader.readLine()).split(' ')[0];
      }),
    );
    assert.deepEqual(lines, ['first', 'second']);
    for (const each of [hand!, other!]) staff.drain(each);
    assert.deepEqual(await Promise.all([hand!.gone, other!.gone]), [
      { clients: 0, error: undefined },
      { clients: 0, error: undefined },
    ]);
  });

  test('a worker that said that it is ready is so when it listens', async () => {
    await using staff = serving('late');
    await staff.start();
    assert.equal(staff.deck.addresses.length, 1);
  });

  test('of a worker for which there is no order to start, nothing is left', async () => {
    const threads: Promise<unknown>[] = [];
    const onWorker = (thread: Worker): void => void threads.push(once(thread, 'exit'));
    const count = (): number =>
      process.getActiveResourcesInfo().filter((name) => ['ProcessWrap', 'MessagePort'].includes(name)).length;
    const before = count();
    const tls = {
      get cert(): string {
        throw new Error('the certificate is gone');
      },
    };
    process.on('worker', onWorker);
    const leaves = maker({ file: fixture('kitchen'), server: { host: '127.0.0.1', tls }, quiet: false });
    assert.throws(() => leaves.make(1, {} as LeafEvents, 1), /the certificate is gone/); // it has no events
    process.off('worker', onWorker);
    await Promise.all(threads);
    while (count() > before) await turn();
  });

  test('a worker that cannot load, or cannot get ready, says why', async () => {
    await using unready = serving('unready');
    await assert.rejects(unready.start(), /^Error: its ready\(\) failed: the stove is cold$/);
    const { step, detail } = unready.hands[0]!.failures[0]!;
    assert.equal(step, 'ready');
    assert.match(detail!, /^Error: the stove is cold\n +at .*unready\.js:/);
    await using broken = serving('broken');
    await assert.rejects(broken.start(), /it failed while loading/);
    assert.match(broken.hands[0]!.failures[0]!.detail ?? '', /no gas/);
    await using missing = serving('missing');
    await assert.rejects(missing.start(), /there is no such file/);
  });

  test('workers that are killed at random under load lose as many clients as is reported', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = seeded(seed);
    await using staff = serving('kitchen');
    await staff.start(3);
    const { port } = staff;
    const found = { lost: 0, refused: 0 };
    let [here, stop] = [0, false];
    /** Comes, orders again and again until its worker is gone, and comes back. */
    const client = async (): Promise<void> => {
      while (!stop) {
        const guest = await visit(port).catch((error: unknown) => {
          if ((error as { code?: string }).code === 'ECONNREFUSED') found.refused++;
          else found.lost++;
        });
        if (guest === undefined) continue;
        here++;
        while (!stop && (await guest.say('soup')) === 'soup\n');
        here--;
        if (!stop) found.lost++;
        guest.connection.abort();
      }
    };
    const clients = Array.from({ length: 30 }, client);
    const ended: Hand['gone'][] = [];
    for (let kills = 0; kills < 8; kills++) {
      for (let turns = random() * 20; turns > 0; turns--) await turn();
      const alive = staff.hands.filter((hand) => !ended.includes(hand.gone));
      const victim = alive[Math.floor(random() * alive.length)]!;
      ended.push(victim.gone);
      victim.leaf.kill();
      staff.begin();
    }
    const reported = (await Promise.all(ended)).reduce((sum, { clients: count }) => sum + count, 0);
    while (here < clients.length) await turn();
    stop = true;
    await Promise.all(clients);
    assert.deepEqual(found, { lost: reported, refused: 0 }, `seed ${seed}`);
    assert.ok(reported > 0);
  });

  test('workers run TypeScript, and stacks show its lines', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'maitre-workers-'));
    try {
      const file = join(folder, 'app.ts');
      const lines = [
        'interface Out { write(text: string): void }',
        "enum Dish { Soup = 'soup' } // no type stripping knows enums",
        'export default (_in: unknown, out: Out): void => {',
        '  out.write(`${Dish.Soup}\\n`);',
        "  throw new Error('burnt');",
        '};',
      ];
      writeFileSync(file, lines.join('\n'));
      await using staff = new Staff(maker({ file, server: { host: '127.0.0.1' }, quiet: false }));
      const [hand] = await staff.start();
      await using connection = await openConnection({ host: '127.0.0.1', port: staff.port });
      assert.equal(String(await connection.reader.read()), 'soup\n');
      const isError = (event: ServeEvent): event is ErrorEvent => event.event === 'error';
      while (!hand!.events.some(isError)) await new Promise((resolve) => void setTimeout(resolve, 5));
      assert.match(hand!.events.find(isError)!.error, /app\.ts:5:/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a worker pulses with its memory', async () => {
    await using staff = serving('kitchen');
    const [hand] = await staff.start();
    assert.ok(hand!.pulses[0]!.memory > 1_000_000);
  });
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 5));
}
