import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { type Connection, openConnection } from 'maitre';
import { unpackRecording } from '#src/introspect/index.js';
import { test } from '../../support/test.js';
import { type Inspected, inspected } from '../viewer.js';

async function withClients<T>(
  it: Inspected,
  count: number,
  fn: (clients: readonly Connection[]) => Promise<T>,
): Promise<T> {
  const [, port] = await it.program.sees(/^port (\d+)$/m);
  const clients: Connection[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const client = await openConnection({ host: '127.0.0.1', port: Number(port) });
      clients.push(client);
      await say(client, 'hi');
    }
    return await fn(clients);
  } finally {
    for (const client of clients) client.abort();
  }
}

/** Its own port. */
function portOf({ local }: Connection): number {
  assert.ok('port' in local);
  return local.port;
}

async function say(client: Connection, text: string): Promise<void> {
  client.writer.write(`${text}\n`);
  assert.equal(String(await client.reader.readLine()), `${text} done\n`);
}

/** Blocks have no place where a thread cannot look into another. */
const skip = 'bun' in process.versions || 'deno' in process.versions ? 'this runtime names no place' : false;

describe('requests', () => {
  test('groups and connections count each client once, and name what it waits for', async () => {
    await using it = await inspected('serves');
    await withClients(it, 5, async ([first, second]) => {
      await say(first as Connection, 'lock');
      second?.writer.write('lock\n');
      let groups = await it.viewer.ask('groups');
      while (groups.groups.length < 3) groups = await it.viewer.ask('groups');
      assert.equal(groups.clients, 5);
      assert.match(groups.sentence, /^The loop /);
      assert.ok(
        groups.groups.some(({ count, what }) => count === 4 && what.startsWith('wait in read')),
        JSON.stringify(groups.groups),
      );
      assert.ok(groups.groups.some(({ count, what }) => count === 1 && what.includes('lock "ledger"')));
      assert.equal(groups.outside.length, 1);
      assert.equal(groups.outside[0]?.backlog, process.platform === 'linux' ? 0 : null);
      const all = await it.viewer.ask('connections');
      assert.equal(all.total, 5);
      const waiting = await it.viewer.ask('connections', { filter: 'ledger', sort: 'id' });
      assert.equal(waiting.connections.length, 1);
      assert.equal(waiting.total, 5);
      const refused = await it.viewer.response('connections', { sort: 'size' as 'id' });
      assert.ok('error' in refused && refused.error.code === 'BAD_REQUEST');
    });
  });

  test('where clients wait is known from one wait in 64: the others are said to be there probably', async () => {
    await using it = await inspected('serves');
    await withClients(it, 300, async () => {
      const { groups } = await it.viewer.ask('groups');
      const reads = groups.filter(({ of, kind }) => of !== 'tasks' && kind === 'readLine');
      assert.equal(reads.length, 1, JSON.stringify(groups));
      assert.equal(reads[0]?.count, 300);
      assert.match(reads[0].what, /^wait in readLine(, probably)? at serves\.(js|ts):\d+$/);
    });
  });

  test(
    'a client that blocks the loop is named with its address, and those who wait are counted',
    async () => {
      await using it = await inspected('serves');
      await withClients(it, 8, async ([first, ...others]) => {
        first?.writer.write('crunch\n');
        await it.viewer.block(({ over }) => !over);
        for (const other of others.slice(0, 5)) other.writer.write('hi\n');
        const block = await it.viewer.block(({ over }) => over);
        assert.equal(block.peer, `127.0.0.1:${portOf(first as Connection)}`);
        assert.match(block.place?.function ?? '', /crunch$/);
        assert.equal(block.waiting, process.platform === 'linux' ? 5 : null);
      });
    },
    { skip },
  );

  test('cancel ends a client, and refuses one that is not there', async () => {
    await using it = await inspected('serves');
    await withClients(it, 1, async ([client]) => {
      const { connections } = await it.viewer.ask('connections');
      const { outcome } = await it.viewer.ask('cancel', { client: connections[0]?.id ?? 0 });
      assert.equal(outcome, 'done');
      assert.equal(String(await client?.reader.readLine()), '');
      const { ended } = await it.viewer.ask('ended');
      assert.ok(ended.some(({ what, how }) => what === 'task' && how === 'cancelled'));
      const gone = await it.viewer.response('cancel', { client: 999 });
      assert.ok('error' in gone && gone.error.code === 'NOT_FOUND');
    });
  });

  test('without control, cancel is refused and the client stays', async () => {
    await using it = await inspected('serves', 'look');
    await withClients(it, 1, async ([client]) => {
      assert.equal((await it.viewer.ask('hello')).control, false);
      const { connections } = await it.viewer.ask('connections');
      const { id = 0, task = 0 } = connections[0] ?? {};
      for (const params of [{ client: id }, { task: task ?? 0 }, { client: 999 }]) {
        const refused = await it.viewer.response('cancel', params);
        assert.ok('error' in refused, JSON.stringify(refused));
        assert.deepEqual(refused.error, {
          code: 'NOT_ALLOWED',
          message: 'the inspector was started without control',
        });
      }
      await say(client as Connection, 'still here');
    });
  });

  test('record shows what a client did, from now on, and of the past if the recorder runs', async () => {
    await using it = await inspected('serves', 'record');
    await withClients(it, 1, async ([client]) => {
      const past = unpackRecording((await it.viewer.ask('record', { last: 60_000 })).recording);
      const [place] = past.places;
      const lines = past.source[place?.file ?? ''] ?? [];
      assert.ok(
        lines.some(([line, text]) => line === place?.line && text !== ''),
        'it has the lines around its places',
      );
      assert.ok(past.visits.length > 0);
      let isOver = false;
      const recording = it.viewer.ask('record', { ms: 300 }).finally(() => (isOver = true));
      while (!isOver) await say(client as Connection, 'hi');
      const now = unpackRecording((await recording).recording);
      assert.ok(now.visits.length > 0);
      const { connections } = await it.viewer.ask('connections');
      const { bill } = await it.viewer.ask('bill', { client: connections[0]?.id ?? 0 });
      const sum = bill.lines.reduce((all, { ms }) => all + ms, 0);
      assert.ok(Math.abs(sum - bill.wall) <= bill.wall / 100, `${sum} of ${bill.wall}`);
    });
    const wrong = await it.viewer.response('record', { ms: 1, last: 1 });
    assert.ok('error' in wrong && wrong.error.code === 'BAD_REQUEST');
  });

  test('record says that the past is not there without the recorder', async () => {
    await using it = await inspected('serves');
    const response = await it.viewer.response('record', { last: 1000 });
    assert.ok('error' in response && response.error.code === 'NOT_AVAILABLE');
    const { recording } = await it.viewer.ask('record', { ms: 50 });
    assert.equal(unpackRecording(recording).version, 1);
  });

  test(
    'source shows lines of files of places that were shown, and of no other file',
    async () => {
      await using it = await inspected('serves');
      const [file, from, to] = ['/etc/passwd', 1, 2];
      for (const each of [file, `file://${file}`, '../../etc/passwd', import.meta.url]) {
        const refused = await it.viewer.response('source', { file: each, from, to });
        assert.ok('error' in refused && refused.error.code === 'NOT_ALLOWED', each);
      }
      await withClients(it, 1, async ([client]) => {
        client?.writer.write('crunch\n');
        const { place } = await it.viewer.block((block) => block.place !== null);
        assert.ok(place !== null);
        const { lines } = await it.viewer.ask('source', { file: place.file, from: place.line, to: place.line });
        assert.match(lines[0]?.[1] ?? '', /performance\.now\(\)/);
        const tooMany = await it.viewer.response('source', { file: place.file, from: 1, to: 10_000 });
        assert.ok('error' in tooMany && tooMany.error.code === 'BAD_REQUEST');
        await it.viewer.block(({ over }) => over);
      });
    },
    { skip },
  );
});
