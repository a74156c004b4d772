import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { openConnection, sleep } from 'maitre';
import { unpackRecording } from '#src/introspect/index.js';
import { test } from '../../support/test.js';
import { inspected } from '../viewer.js';

describe('Recordings', () => {
  test('a copy of the ring is kept when a block is over, and has the block and what came before it', async () => {
    await using it = await inspected('blocks', 'shortBlock', 'record');
    await it.begin();
    const { frozen = 0, since, ms, id } = await it.viewer.block((block) => block.frozen !== undefined);
    const recording = unpackRecording((await it.viewer.ask('record', { frozen })).recording);
    assert.equal(recording.reason, 'block');
    assert.deepEqual(
      recording.blocks.map((block) => block.id),
      [id],
    );
    const visits = recording.visits.filter(({ table }) => recording.tables[table]?.name === 'guilty');
    const [before, during] = visits;
    // The block counts from the last beat, which both may have come after.
    assert.ok(before !== undefined && during !== undefined && before.ms < 100, JSON.stringify(visits));
    assert.ok(during.begin < since + ms && during.ms > 100, JSON.stringify(visits));
  });

  for (const [way, reason, what] of [
    ['fails', 'error', /RangeError: the oven is too hot$/],
    ['crossLocks', 'warning', /salt.*pepper|pepper.*salt/],
  ] as const) {
    test(`what came before is kept, and listed with the ${reason} that happened`, async () => {
      await using it = await inspected('blocks', way, 'record');
      assert.deepEqual((await it.viewer.ask('recordings')).recordings, []);
      await it.begin();
      let rows = (await it.viewer.ask('recordings')).recordings;
      for (; rows.length === 0; rows = (await it.viewer.ask('recordings')).recordings) await sleep(20);
      const [row] = rows;
      assert.ok(row !== undefined && rows.length === 1 && row.reason === reason, JSON.stringify(rows));
      assert.match(row.what, what);
      const { recording } = await it.viewer.ask('record', { frozen: row.id });
      assert.ok(unpackRecording(recording).tables.some(({ name }) => name === 'guilty'));
    });
  }

  test('a recording of minutes ends soon after its viewer has left, and with it full detail', async () => {
    await using it = await inspected('blocks', 'none', 'record');
    const gone = await openConnection({ path: it.socket });
    gone.writer.write('{"id":1,"method":"record","params":{"ms":600000}}\n');
    await it.viewer.ask('hello');
    await sleep(200);
    gone.abort();
    await sleep(3000); // real time, like the wait that is bounded
    await it.begin();
    await it.program.sees(/^over$/m);
    const { recording } = await it.viewer.ask('record', { last: 2500 });
    assert.ok(recording.visits.begin.length > 0);
    assert.equal(recording.full, false);
  });

  test('an id that is not kept is not found, and without the recorder nothing is kept', async () => {
    await using it = await inspected('blocks', 'shortBlock');
    await it.begin();
    await it.viewer.block(({ over }) => over);
    await sleep(50); // a copy would be made by now
    const block = await it.viewer.block(({ over }) => over);
    assert.equal(block.frozen, undefined);
    const response = await it.viewer.response('record', { frozen: 1 });
    assert.ok('error' in response && response.error.code === 'NOT_FOUND', JSON.stringify(response));
  });
});
