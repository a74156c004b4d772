import assert from 'node:assert/strict';
import { sleep } from 'maitre';
import type { BlockRow } from '#src/inspect/protocol/index.js';
import { Picture } from '#src/inspect/picture.js';
import { Summary } from '#src/inspect/worker/summary.js';
import { fakeTest } from '../../support/test.js';
import { sampleOf } from '../samples.js';

const block: BlockRow = {
  id: 1,
  since: 100,
  ms: 300,
  over: false,
  thread: 0,
  task: 7,
  name: 'baker',
  peer: null,
  place: null,
  stack: [],
  waiting: null,
};

fakeTest('a frame says the words of groups, with the numbers of its own sample', async () => {
  let asked = 0;
  const answer = { server: 'soup', parked: 1, inLine: 1, refused: 0, backlog: 3, limit: 'maxConnections 2' };
  using summary = new Summary({
    groups: async () => ({ sentence: `asked ${++asked} times`, outside: [answer], warnings: [] }),
    blocks: () => [],
    numbers: () => ({ tasks: 4, ended: 2 }),
    now: () => 1500,
  });
  const picture = new Picture();
  picture.apply(
    sampleOf([], new Map(), { fresh: true, outside: [{ ...answer, parked: 9, backlog: null, limit: null }] }),
  );
  summary.start();
  await sleep(3500);
  assert.equal(asked, 4, 'once a second');
  assert.deepEqual(summary.around(picture), {
    fresh: { how: 'asked', age: 500 },
    sentence: 'asked 4 times',
    block: null,
    outside: [{ ...answer, parked: 9 }],
    numbers: { tasks: 4, blocks: 0, warnings: 0, ended: 2 },
  });
  summary.stop();
  await sleep(5000);
  assert.equal(asked, 4);
});

fakeTest('during a block the sentence is about it, and a while after its end it is still shown', () => {
  let blocks: BlockRow[] = [block];
  let now = 400;
  using summary = new Summary({
    groups: () => Promise.reject(new Error('blocked')),
    blocks: () => blocks,
    numbers: () => ({ tasks: 0, ended: 0 }),
    now: () => now,
  });
  const during = summary.around(new Picture());
  assert.match(during.sentence, /^Blocked for 300 ms by .*baker/);
  assert.deepEqual([during.block, during.fresh.block, during.fresh.how], [block, block, 'stale']);
  blocks = [{ ...block, over: true }];
  const after = summary.around(new Picture());
  assert.deepEqual([after.block?.over, after.sentence, after.fresh.block], [true, '', undefined]);
  now = 2000;
  assert.equal(summary.around(new Picture()).block, null);
});
