import assert from 'node:assert/strict';
import { completed, type Frame, type SentFrame } from '#src/inspect/protocol/index.js';
import { Feed, type Surroundings } from '#src/inspect/worker/feed.js';
import { Strip } from '#src/inspect/worker/strip.js';
import { sleep } from 'maitre';
import { fakeTest } from '../../support/test.js';
import { Known, type Row, rowsOf, sampleOf, tablesOf } from '../samples.js';

const around: Surroundings = {
  fresh: { how: 'asked', age: 0 },
  sentence: 'The loop keeps up.',
  block: null,
  outside: [],
  numbers: { tasks: 1, blocks: 0, warnings: 0, ended: 0 },
};

/** A feed over a main thread that answers at once, unless `blocked`; each sample costs `cost` ms. */
class Stage {
  readonly asked: boolean[] = [];
  away = 0;
  cost = 1;
  blocked = false;
  rows: Row[] = [{ id: 1 }];
  readonly strip = new Strip();
  readonly #sent = new Map<number, number>();
  readonly feed = new Feed({
    ask: (fresh) => {
      this.asked.push(fresh);
      if (!this.blocked) this.answer(fresh);
    },
    lookAway: () => void this.away++,
    surroundings: () => around,
    strip: this.strip,
    now: () => 5000,
    random: () => 0.5,
  });

  answer(fresh: boolean): void {
    void Promise.resolve().then(() => this.feed.take(sampleOf(this.rows, this.#sent, { fresh, cost: this.cost })));
  }
}

/** A viewer that keeps its frames, and takes them while it is `awake`. */
class Page {
  readonly owner = {};
  readonly frames: Frame[] = [];
  readonly known = new Known();
  awake = true;
  offer = (make: () => SentFrame): boolean => {
    if (!this.awake) return false;
    const frame = completed(JSON.parse(JSON.stringify(make())) as SentFrame, this.frames.at(-1));
    this.frames.push(frame);
    this.known.apply(frame);
    return true;
  };
}

fakeTest('the main thread is asked only while somebody looks, and anew when somebody comes back', async () => {
  const { feed, ...stage } = new Stage();
  const page = new Page();
  await sleep(500);
  assert.deepEqual(stage.asked, []);
  const id = feed.add(page.owner, page, {});
  await sleep(250);
  assert.deepEqual(stage.asked, [true, false, false]);
  feed.end(page.owner, id);
  await sleep(500);
  assert.equal(stage.asked.length, 3);
  feed.add(page.owner, page, {});
  await sleep(50);
  assert.equal(stage.asked.at(-1), true);
  assert.deepEqual(
    page.frames.map(({ full }) => full),
    [true, false, false, true],
  );
  feed[Symbol.dispose]();
});

fakeTest('the next sample comes not before 33 x the cost of the last one', async () => {
  const stage = new Stage();
  stage.cost = 20;
  const page = new Page();
  stage.feed.add(page.owner, page, {});
  await sleep(6610);
  assert.equal(stage.asked.length, 11);
  assert.deepEqual(page.frames.at(-1)?.cost, { ms: 20, every: 660 });
  stage.feed[Symbol.dispose]();
});

fakeTest('between samples that are far apart a frame a second comes, and one at once in a hurry', async () => {
  const stage = new Stage();
  stage.cost = 200;
  const page = new Page();
  stage.feed.add(page.owner, page, {});
  await sleep(1010);
  assert.equal(stage.asked.length, 2, 'the first sample has all names');
  const before = page.frames.length;
  await sleep(6500);
  assert.equal(stage.asked.length, 2);
  assert.equal(page.frames.length, before + 6);
  stage.feed.hurry();
  assert.equal(page.frames.length, before + 7);
  await sleep(200);
  assert.equal(stage.asked.length, 3);
  stage.feed[Symbol.dispose]();
});

fakeTest('each viewer has a rate of its own, and the main thread that of the fastest', async () => {
  const stage = new Stage();
  const [fast, slow] = [new Page(), new Page()];
  stage.feed.add(slow.owner, slow, { rate: 1 });
  await sleep(10);
  const id = stage.feed.add(fast.owner, fast, { rate: 1000 });
  await sleep(2000);
  assert.equal(fast.frames.length, 20, 'at most 10 a second');
  assert.equal(slow.frames.length, 2 + 1);
  stage.feed.change(fast.owner, id, { rate: 2 });
  const before = stage.asked.length;
  await sleep(2000);
  assert.equal(stage.asked.length - before, 4);
  stage.feed[Symbol.dispose]();
});

fakeTest('a viewer that cannot keep up misses frames, is told how many, and no change', async () => {
  const stage = new Stage();
  const page = new Page();
  stage.feed.add(page.owner, page, {});
  await sleep(10);
  page.awake = false;
  for (let i = 0; i < 20; i++) {
    stage.rows = [{ id: 1, since: i }, ...(i % 2 === 0 ? [{ id: 100 + i }] : [])];
    await sleep(100);
  }
  page.awake = true;
  await sleep(100);
  assert.equal(page.frames.length, 2);
  assert.equal(page.frames[1]?.dropped, 20);
  assert.equal(page.frames[1]?.seq, 2);
  assert.deepEqual(page.known.rows, rowsOf(tablesOf(stage.rows)));
  stage.feed[Symbol.dispose]();
});

fakeTest('while no sample comes, frames go on with what this thread knows', async () => {
  const stage = new Stage();
  const page = new Page();
  stage.feed.add(page.owner, page, {});
  await sleep(10);
  stage.blocked = true;
  await sleep(1000);
  assert.ok(page.frames.length >= 8 && page.frames.length <= 10, `${page.frames.length}`);
  assert.equal(stage.asked.length, 2, 'and it is not asked again and again');
  assert.deepEqual(page.frames.at(-1)?.tables.id, []);
  assert.equal(page.frames.at(-1)?.now, 5000);
  stage.blocked = false;
  stage.rows = [{ id: 1, since: 7 }];
  stage.answer(false);
  await sleep(150);
  assert.deepEqual(page.frames.at(-1)?.tables.since, [7]);
  stage.feed[Symbol.dispose]();
});

fakeTest('a subscription can be changed and ended by its owner alone, and wrong wishes are refused', () => {
  const { feed } = new Stage();
  const [mine, yours] = [new Page(), new Page()];
  const id = feed.add(mine.owner, mine, {});
  assert.throws(() => feed.change(yours.owner, id, { rate: 1 }), { code: 'NOT_FOUND' });
  assert.throws(() => feed.end(yours.owner, id), { code: 'NOT_FOUND' });
  assert.throws(() => feed.change(mine.owner, id, { rate: Number.NaN }), { code: 'BAD_REQUEST' });
  assert.throws(() => feed.change(mine.owner, id, { tables: 'all' as never }), { code: 'BAD_REQUEST' });
  assert.throws(() => feed.add(mine.owner, mine, { rate: -1 }), { code: 'BAD_REQUEST' });
  assert.equal(feed.size, 1, 'what was refused is not there');
  for (let i = 1; i < 32; i++) feed.add(mine.owner, mine, {});
  assert.throws(() => feed.add(mine.owner, mine, {}), { code: 'NOT_AVAILABLE' });
  feed.endAll(mine.owner);
  assert.equal(feed.size, 0);
});
