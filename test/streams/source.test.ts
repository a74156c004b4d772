import assert from 'node:assert/strict';
import { CancelledError, createTask, moveOnAfter, race, setExceptionHandler, sleep, type WaitOptions } from 'maitre';
import { Resource } from 'maitre/lowlevel';
import { Source, SourceIterator } from '#src/streams/index.js';
import { cancelAtEveryStep } from '../support/explore.js';
import { fakeTest, nextTurn, test } from '../support/test.js';

/** A source of what the test puts in. */
class Letters extends Source<string> {
  readonly items: string[] = [];
  ends = 0;
  waits = 0;

  constructor() {
    super();
    this.open();
  }

  get kind(): 'letters' {
    return 'letters';
  }

  statistics(): object {
    return { items: this.items.length, waiting: this.waiting };
  }

  bring(...items: readonly string[]): void {
    this.items.push(...items);
    this.offer();
  }

  beReady(): void {
    this.markReady();
  }

  break(error: Error): void {
    this.fail(error);
  }

  protected override takeItem(): string | undefined {
    return this.items.shift();
  }

  protected override putBack(item: string): void {
    this.items.unshift(item);
  }

  protected override onWait(): void {
    this.waits++;
  }

  protected override onEnd(): void {
    this.ends++;
  }
}

const live = (): Resource[] => [...Resource.live].filter(({ kind }) => kind === 'letters');
const DONE = { done: true, value: undefined };

function opened(options?: WaitOptions): { source: Letters; letters: SourceIterator<string> } {
  const source = new Letters();
  return { source, letters: new SourceIterator(source, options) };
}

fakeTest('items go to the calls of next() in order, those that wait and later ones', async () => {
  const { source, letters } = opened();
  const first = createTask(() => letters.next(), { eager: true });
  const second = createTask(() => letters.next(), { eager: true });
  assert.equal(source.waits, 2);
  source.bring('a', 'b', 'c');
  assert.deepEqual([(await first).value, (await second).value, (await letters.next()).value], ['a', 'b', 'c']);
  assert.equal(source.waits, 2); // the third was there
  await letters.return();
  assert.deepEqual(await letters.next(), DONE);
});

test('explored: a next() that is cancelled at any step loses no item', async () => {
  const steps = await cancelAtEveryStep(() => {
    const { source, letters } = opened();
    const got: string[] = [];
    return {
      body: async () => {
        const next = letters.next();
        source.bring('a', 'b');
        got.push((await next).value ?? '');
        got.push((await letters.next()).value ?? '');
      },
      check: () => {
        if (got.length + source.items.length > 0) assert.deepEqual([...got, ...source.items], ['a', 'b']);
        void source.close();
      },
    };
  });
  assert.ok(steps > 3, `${steps} steps`);
});

fakeTest('a cancelled next() leaves its item to the next one that waits', async () => {
  const { source, letters } = opened();
  const first = createTask(() => letters.next(), { eager: true });
  const second = createTask(() => letters.next(), { eager: true });
  source.bring('a');
  first.cancel(); // in the same turn: the cancel wins
  await assert.rejects(async () => first, CancelledError);
  assert.equal((await second).value, 'a');
  void source.close();
});

fakeTest('race and timeouts lose nothing', async () => {
  const { source, letters } = opened();
  const got: unknown[] = [];
  const bringing = createTask(async () => {
    for (let i = 0; i < 60; i++) {
      source.bring(String(i));
      await sleep(i % 3);
    }
  });
  while (got.length < 60) {
    const item =
      got.length % 2 === 0
        ? await race([() => letters.next(), () => sleep(1)])
        : await moveOnAfter(1, () => letters.next());
    if (item !== undefined) got.push(item.value);
  }
  await bringing;
  assert.deepEqual(
    got,
    Array.from({ length: 60 }, (_, i) => String(i)),
  );
  void source.close();
});

fakeTest('the end answers what waits, once, whoever ends it', async () => {
  for (const end of [
    (source: Letters): unknown => source.close(),
    (_: Letters, letters: SourceIterator<string>) => letters.return(),
    (source: Letters) => source.endWithin(),
    (source: Letters) => source.endNow(),
  ]) {
    const { source, letters } = opened();
    const waiting = createTask(() => letters.next(), { eager: true });
    const ready = createTask(() => letters.ready(), { eager: true });
    assert.deepEqual(live(), [source]);
    await end(source, letters);
    await end(source, letters);
    assert.deepEqual(await waiting, DONE);
    await ready;
    source.bring('too late');
    assert.deepEqual(await letters.next(), DONE);
    assert.equal(source.ends, 1);
    assert.deepEqual(live(), []);
  }
});

fakeTest('ready() waits for it, and can be cancelled', async () => {
  const { source, letters } = opened();
  assert.equal(await moveOnAfter(10, () => letters.ready().then(() => 'ready')), undefined);
  const waiting = createTask(() => letters.ready(), { eager: true });
  source.beReady();
  await waiting;
  await letters.ready();
  void source.close();
});

fakeTest('an error goes to the next() that waits; the others end', async () => {
  const { source, letters } = opened();
  const first = createTask(() => letters.next(), { eager: true });
  const second = createTask(() => letters.next(), { eager: true });
  source.break(new Error('burnt'));
  await assert.rejects(async () => first, { message: 'burnt' });
  assert.deepEqual([await second, await letters.next()], [DONE, DONE]);
  assert.deepEqual([live(), source.ends], [[], 1]);
});

fakeTest('an error that comes while nobody waits goes to the following next(), once', async () => {
  const { source, letters } = opened();
  source.break(new Error('burnt'));
  source.break(new Error('more'));
  assert.deepEqual(live(), [source]);
  await assert.rejects(letters.next(), { message: 'burnt' });
  assert.deepEqual(await letters.next(), DONE);
  assert.deepEqual([live(), source.ends], [[], 1]);
});

fakeTest('an error that ready() rejected with goes to one next(), too', async () => {
  const { source, letters } = opened();
  const ready = createTask(() => letters.ready(), { eager: true });
  source.break(new Error('burnt'));
  await assert.rejects(async () => ready, { message: 'burnt' });
  await assert.rejects(letters.ready(), { message: 'burnt' });
  assert.deepEqual(live(), []);
  await assert.rejects(letters.next(), { message: 'burnt' });
  assert.deepEqual(await letters.next(), DONE);
});

fakeTest('an error that nobody receives until the end is reported', async () => {
  const reported: string[] = [];
  using _ = setExceptionHandler(({ message, error }) => void reported.push(`${message}: ${String(error)}`));
  await createTask(async () => {
    opened().source.break(new Error('burnt'));
    await sleep(0);
  });
  assert.deepEqual(reported, ['A source failed that nobody waited for (letters): Error: burnt']);
  assert.deepEqual(live(), []);
});

fakeTest('the signal of the options cancels next() and ready()', async () => {
  const controller = new AbortController();
  const { source, letters } = opened({ signal: controller.signal });
  const waiting = [
    createTask(() => letters.next(), { eager: true }),
    createTask(() => letters.ready(), { eager: true }),
  ];
  await nextTurn();
  controller.abort();
  for (const task of waiting) await assert.rejects(async () => task, CancelledError);
  assert.deepEqual(source.statistics(), { items: 0, waiting: 0 });
  void source.close();
});
