import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe } from 'node:test';
import { type Connection, jsonLines, openConnection, sleep, writeJsonLine } from 'maitre';
import { completed, type Frame, type Methods, type SentFrame } from '#src/inspect/protocol/index.js';
import { idIn, idText, roomOf, unpackRecording } from '#src/introspect/index.js';
import { test } from '../../support/test.js';
import { type Inspected, inspected, say, untilAnswer } from '../viewer.js';

const skip =
  'bun' in process.versions || 'deno' in process.versions ? 'workers are made of what Node alone has' : false;

/** Clients of the workers of a program, by the number of the worker. */
interface Guests extends Disposable {
  /** Opens a client of a worker, which has got an answer. */
  open(worker: number): Promise<Connection>;
}

async function guestsOf(it: Inspected): Promise<Guests> {
  const clients: Connection[] = [];
  return {
    async open(worker) {
      const [, port] = await it.program.sees(new RegExp(`^worker ${worker} listens on (\\d+)$`, 'm'));
      const client = await openConnection({ host: '127.0.0.1', port: Number(port) });
      clients.push(client);
      await say(client, 'hi');
      return client;
    },
    [Symbol.dispose]: () => {
      for (const client of clients) client.abort();
    },
  };
}

function places(rooms: Methods['groups']['result']['rooms']): (number | undefined)[] | undefined {
  return rooms?.map(({ room, clients }) => room * 100 + clients);
}

for (const kind of ['threads', 'processes'] as const) {
  describe(`rooms that are ${kind}`, () => {
    test(
      'groups join the clients of all workers, and ids say whose they are',
      async () => {
        await using it = await inspected('rooms', kind);
        using guests = await guestsOf(it);
        const first = await guests.open(1);
        await guests.open(1);
        const second = await guests.open(2);
        const groups = await untilAnswer(it, 'groups', ({ clients }) => clients === 3);
        assert.deepEqual(places(groups.rooms), [102, 201]);
        const [reading] = groups.groups;
        assert.equal(reading?.count, 3, JSON.stringify(groups.groups));
        assert.match(reading?.example ?? '', /^client [12]:\d+$/);
        const { connections, sentence, total } = await it.viewer.ask('connections', { sort: 'id' });
        assert.equal(total, 3);
        assert.match(sentence, /^3 clients; client [12]:\d+ waits longest, for /);
        assert.deepEqual(
          connections.map(({ id }) => roomOf(id)),
          [1, 1, 2],
        );
        for (const { since, openedAt } of connections) {
          const { now } = await it.viewer.ask('connections');
          assert.ok(since !== null && since <= now && now - since < 60_000, 'times are on one clock');
          assert.ok(openedAt <= now && now - openedAt < 60_000, 'times are on one clock');
        }
        const { process: about, rooms } = await it.viewer.ask('hello');
        assert.equal(about.pid, it.program.child.pid);
        assert.deepEqual(
          rooms?.map((room) => room.pid === about.pid),
          kind === 'threads' ? [true, true] : [false, false],
        );
        await say(first, 'lock');
        first.writer.write('lock\n');
        await say(second, 'lock');
        second.writer.write('lock\n');
        // Each worker has a lock of this name: nobody is in the way of the other worker's clients.
        const locked = await untilAnswer(it, 'groups', ({ warnings }) => warnings.length === 2);
        assert.deepEqual(
          locked.warnings.map(({ code }) => code),
          ['deadlock', 'deadlock'],
        );
        assert.match(
          locked.warnings.map((row) => row.sentence).join('\n'),
          /client 2:\d+ waits for lock "ledger", which/,
        );
      },
      { skip },
    );

    test(
      'a worker that is blocked is named with its stack, and the answers about the others go on',
      async () => {
        await using it = await inspected('rooms', kind);
        using guests = await guestsOf(it);
        const hot = await guests.open(1);
        const other = await guests.open(2);
        await untilAnswer(it, 'groups', ({ clients }) => clients === 2);
        const file = join(dirname(it.socket), 'over');
        hot.writer.write(`crunch ${file}\n`);
        const words = /^Worker 1 is blocked for \d+.* by client 1:\d+ in crunch \(room-worker/;
        const blocked = await untilAnswer(it, 'groups', ({ sentence }) => words.test(sentence));
        assert.match(blocked.sentence, /; (?:the other worker keeps up|worker 2 (?:is overloaded|was late)[^;]*); /);
        await say(other, 'still'); // it does go on
        const { blocks, sentence } = await it.viewer.ask('blocks');
        const [row] = blocks;
        assert.ok(row !== undefined && !row.over && row.room === 1, JSON.stringify(blocks));
        assert.ok(row.stack.some((frame) => frame.includes('crunch')));
        assert.match(sentence, /^Blocked for \d+.* by client 1:\d+ in crunch/);
        const { connections } = await it.viewer.ask('connections');
        assert.deepEqual(connections.map(({ id }) => roomOf(id)).sort(), [1, 2]);
        writeFileSync(file, '');
        assert.match(String(await hot.reader.readLine()), /^crunch .* done\n$/);
        await untilAnswer(it, 'blocks', (answer) => answer.blocks.some(({ id, over }) => id === row.id && over));
      },
      { skip },
    );

    test(
      'cancel, ended and bill find the client of the worker that its id names, and no other',
      async () => {
        await using it = await inspected('rooms', kind, 'record');
        using guests = await guestsOf(it);
        const first = await guests.open(1);
        const second = await guests.open(2);
        const { connections } = await untilAnswer(it, 'connections', ({ total }) => total === 2);
        const row = connections.find(({ id }) => roomOf(id) === 2);
        assert.ok(row !== undefined);
        await say(second, 'more');
        const { bill } = await it.viewer.ask('bill', { client: row.id });
        assert.equal(bill.client, `client ${idText(row.id)}`);
        const { recording } = await it.viewer.ask('record', { last: 10_000, room: 2 });
        const { tables } = unpackRecording(recording);
        assert.ok(tables.some(({ id, what }) => what === 'client' && id === row.id));
        assert.equal((await it.viewer.ask('cancel', { client: row.id })).outcome, 'done');
        assert.equal(String(await second.reader.readLine()), '', 'it was ended');
        await say(first, 'still');
        const { ended } = await untilAnswer(it, 'ended', (answer) =>
          answer.ended.some(({ id, what }) => id === row.id && what === 'connection'),
        );
        const gone = ended.find(({ id, what }) => id === row.id && what === 'connection');
        assert.match(gone?.name ?? '', new RegExp(`^connection ${idText(row.id)} from `));
        for (const client of [row.id, idIn(7, 1), idIn(2, 99_999)]) {
          const response = await it.viewer.response('cancel', { client });
          assert.ok('error' in response && response.error.code === 'NOT_FOUND', JSON.stringify(response));
        }
      },
      { skip },
    );

    test(
      'frames have the tables of all workers, and those of a worker that ends leave',
      async () => {
        await using it = await inspected('rooms', kind);
        using guests = await guestsOf(it);
        await using viewer = await openConnection({ path: it.socket });
        const lines = jsonLines(viewer.reader);
        let last: Frame | undefined;
        const ids = new Set<number>();
        const next = async (isRight: (frame: Frame) => boolean): Promise<Frame> => {
          for (;;) {
            const sent = ((await lines.read()) as { readonly frame?: SentFrame } | undefined)?.frame; // by the protocol
            if (sent === undefined) continue;
            last = completed(sent, last);
            if (last.full) ids.clear();
            for (const { id } of last.seated) ids.add(id);
            for (const id of last.left) ids.delete(id);
            if (isRight(last)) return last;
          }
        };
        await guests.open(1);
        writeJsonLine(viewer.writer, { id: 1, method: 'subscribe' });
        await next(({ total, of }) => of === 'clients' && total === 1);
        const hot = await guests.open(2);
        const both = await next(({ total }) => total === 2);
        assert.deepEqual([...ids].map(roomOf).sort(), [1, 2]);
        assert.deepEqual(
          both.rooms?.map(({ room, place }) => [room, place]),
          [
            [1, 1],
            [2, 2],
          ],
        );
        hot.writer.write(`crunch ${join(dirname(it.socket), 'over')}\n`);
        const blocked = await next(({ rooms }) => rooms?.[1]?.block !== undefined);
        assert.equal(blocked.rooms?.[0]?.block, undefined);
        assert.equal(blocked.total, 2, 'a blocked worker stays as it was');
        await guests.open(1);
        await next(({ total }) => total === 3);
        it.program.child.stdin?.write('2\n');
        const gone = await next(({ rooms }) => rooms?.length === 1);
        assert.equal(gone.rooms?.[0]?.room, 1);
        await next(({ total }) => total === 2);
        assert.deepEqual([...ids].map(roomOf), [1, 1]);
      },
      { skip },
    );

    test(
      'metrics count by place, and a counter goes on with the next worker of its place',
      async () => {
        await using it = await inspected('rooms', kind);
        using guests = await guestsOf(it);
        const [, port] = await it.program.sees(/^metrics (\d+)$/m);
        const scrape = async (): Promise<string> => {
          const headers = { authorization: 'Bearer a-token-of-some-length', connection: 'close' };
          return await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text();
        };
        const sees = async (pattern: RegExp): Promise<void> => {
          for (let text = await scrape(); !pattern.test(text); text = await scrape()) await sleep(50);
        };
        await guests.open(1);
        await guests.open(1);
        await guests.open(2);
        await sees(/^maitre_server_accepted_total\{worker="1",server="[^"]*"\} 2$/m);
        await sees(/^maitre_server_accepted_total\{worker="2",server="[^"]*"\} 1$/m);
        await sees(/^maitre_tasks\{worker="0"\} \d+$/m);
        it.program.child.stdin?.write('1\nmore\n');
        await guests.open(3);
        // Its server has a port of its own here, and so a label of its own: both are of this place.
        await sees(/^maitre_server_connections\{worker="1",server="[^"]*"\} 1$/m);
        const text = await scrape();
        assert.match(text, /^maitre_server_accepted_total\{worker="1",server="[^"]*"\} 2$/m);
        assert.match(text, /^maitre_server_connections\{worker="1",server="[^"]*"\} 0$/m);
        assert.doesNotMatch(text, /worker="3"/);
      },
      { skip },
    );

    test(
      'one program is found, and its workers leave no file',
      async () => {
        await using it = await inspected('rooms', kind);
        const folder = dirname(it.socket);
        assert.equal(readdirSync(folder).filter((name) => name.endsWith('.sock')).length, 1);
        it.program.child.stdin?.end();
        const { code, stderr } = await it.program.ended();
        assert.deepEqual([code, stderr], [0, '']);
        while (readdirSync(folder).length > 0) await sleep(20);
      },
      { skip },
    );
  });
}
