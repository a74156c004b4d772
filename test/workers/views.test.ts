import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Connection, openConnection, sleep } from 'maitre';
import { roomOf } from '#src/inspect/protocol/index.js';
import { say, untilAnswer, Viewer } from '../inspect/viewer.js';
import { Program } from '../support/program.js';
import { bothTest, fixture } from './support/isolations.js';

/** A supervisor of two workers, looked at. */
interface Inspected extends AsyncDisposable {
  readonly program: Program;
  readonly viewer: Viewer;
  readonly socket: string;
  /** Opens a client, which has got an answer. */
  open(): Promise<Connection>;
}

async function inspected(isolate: string): Promise<Inspected> {
  const folder = mkdtempSync('/tmp/maitre-test-');
  const program = new Program([fixture('inspected'), isolate], { env: { XDG_RUNTIME_DIR: folder } });
  const clients: Connection[] = [];
  const [, port] = await program.sees(/^port (\d+)$/m);
  const [, socket = ''] = await program.sees(/^socket (.*)$/m);
  const viewer = await Viewer.open(socket);
  return {
    program,
    viewer,
    socket,
    async open() {
      const client = await openConnection({ host: '127.0.0.1', port: Number(port) });
      clients.push(client);
      await say(client, 'hi');
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.abort();
      await viewer[Symbol.asyncDispose]();
      await program[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

bothTest('one ps shows the clients of both workers, and names the one that is blocked', async (isolate) => {
  await using it = await inspected(isolate);
  const clients = [await it.open(), await it.open(), await it.open(), await it.open()];
  const { groups, rooms } = await untilAnswer(it, 'groups', (answer) => answer.clients === 4);
  assert.deepEqual(
    rooms?.map((room) => [room.room, room.place, room.clients]),
    [
      [1, 1, 2],
      [2, 2, 2],
    ],
  );
  assert.equal(groups[0]?.count, 4, JSON.stringify(groups));
  const file = join(dirname(it.socket), 'over');
  const [hot] = clients;
  assert.ok(hot !== undefined);
  hot.writer.write(`crunch ${file}\n`);
  const blocked = await untilAnswer(it, 'groups', ({ sentence }) => sentence.includes(' in crunch (crunches'));
  const [, worker = ''] = /^Worker (\d) is blocked for /.exec(blocked.sentence) ?? [];
  assert.match(blocked.sentence, new RegExp(`by client ${worker}:\\d+ in crunch`));
  const { connections, total } = await it.viewer.ask('connections');
  assert.equal(total, 4);
  assert.deepEqual(connections.map(({ id }) => roomOf(id)).sort(), [1, 1, 2, 2]);
  writeFileSync(file, '');
  assert.match(String(await hot.reader.readLine()), / done\n$/);
});

bothTest('a reload replaces the rooms, keeps their places, and one /metrics counts on', async (isolate) => {
  await using it = await inspected(isolate);
  const [, port] = await it.program.sees(/^metrics (\d+)$/m);
  const accepted = async (): Promise<Map<string, number>> => {
    const headers = { authorization: 'Bearer a-token-of-some-length', connection: 'close' };
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text();
    const rows = text.matchAll(/^maitre_server_accepted_total\{worker="(\d)",server="[^"]*"\} (\d+)$/gm);
    return new Map([...rows].map(([, worker = '', count]) => [worker, Number(count)]));
  };
  const counted = async (expected: number): Promise<void> => {
    for (;;) {
      const counts = await accepted();
      assert.ok(
        [...counts.keys()].every((worker) => ['0', '1', '2'].includes(worker)),
        'a series for each place',
      );
      if (counts.get('1') === expected && counts.get('2') === expected) return;
      await sleep(50);
    }
  };
  await Promise.all([it.open(), it.open()]);
  await counted(1);
  it.program.child.stdin?.write('reload\n');
  const { rooms } = await untilAnswer(it, 'hello', (hello) => hello.rooms?.map(({ room }) => room).join() === '3,4');
  assert.deepEqual(rooms?.map(({ place }) => place).sort(), [1, 2]);
  await counted(1);
  await Promise.all([it.open(), it.open()]);
  await counted(2);
  const names = readdirSync(dirname(it.socket)).filter((name) => name.endsWith('.sock'));
  assert.equal(names.length, 1, 'one program for the commands');
});
