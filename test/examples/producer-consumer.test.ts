import assert from 'node:assert/strict';
import { CancelledError, createTask, sleep } from 'maitre';
import { type Bakery, openBakery } from '../../examples/producer-consumer.ts';
import { Program, programArgs } from '../support/program.js';
import { fakeTest, test } from '../support/test.js';

const bakery: Bakery = { bakers: 3, customers: 2, shelf: 5, baking: 20, eating: 40, open: 10_000 };

fakeTest('no loaf is lost, none is eaten twice, and the shelf is never overfull', async () => {
  const { baked, eaten, fullest, left } = await openBakery(bakery);
  assert.equal(eaten.length, baked);
  assert.equal(new Set(eaten).size, baked);
  assert.equal(fullest, 5);
  assert.ok(left >= 10_000 && left <= 10_000 + 4 * 40, `left after ${left} ms`);
});

fakeTest('the bakers are slowed to the pace of the customers', async () => {
  const { baked } = await openBakery(bakery);
  const pace = (10_000 / 40) * 2;
  assert.ok(Math.abs(baked - pace) <= 10, `${baked} loaves for ${pace} eaten`);
});

fakeTest('with slow bakers the customers wait, and the shelf stays all but empty', async () => {
  const { fullest, eaten, baked } = await openBakery({ ...bakery, baking: 500 });
  assert.ok(fullest <= 1);
  assert.equal(eaten.length, baked);
});

fakeTest('a day that is cancelled ends at once', async (clock) => {
  const day = createTask(() => openBakery(bakery));
  await sleep(1234);
  day.cancel();
  await assert.rejects(day.then(), CancelledError);
  assert.equal(clock.now(), 1234);
});

test('as a program it says what was baked and eaten', async () => {
  await using program = new Program(programArgs('examples/producer-consumer.ts'));
  const { code, stdout, stderr } = await program.ended();
  assert.deepEqual([code, stderr], [0, '']);
  const [, baked, eaten] = /^baked (\d+), eaten (\d+), at most 5 on the shelf$/m.exec(stdout) ?? [];
  assert.equal(baked, eaten, stdout);
  assert.ok(Number(baked) > 10);
});
