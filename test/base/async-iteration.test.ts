import assert from 'node:assert/strict';
import { AsyncIteration } from '#src/base/index.js';
import { test } from '../support/test.js';

/** Counts up to `to`; a step waits while it is held, and the end takes what waits back. */
class Counting extends AsyncIteration<number> {
  steps = 0;
  ends = 0;
  readonly held: ((go: 'on' | 'back') => void)[] = [];
  hold = false;
  endsLater: Promise<void> | undefined = undefined;
  #count = 0;
  readonly #to: number;

  constructor(to: number) {
    super();
    this.#to = to;
  }

  protected override async step(): Promise<IteratorResult<number, undefined>> {
    this.steps++;
    if (this.hold && (await new Promise((resolve) => this.held.push(resolve))) === 'back') return this.return();
    return this.#count < this.#to ? { done: false, value: this.#count++ } : this.return();
  }

  protected override end(): Promise<void> | void {
    assert.ok(this.ended);
    this.ends++;
    for (const go of this.held) go('back');
    return this.endsLater;
  }
}

const done = { done: true, value: undefined };

test('a loop gets every item, and the end ends the iteration once', async () => {
  const counting = new Counting(3);
  const items: number[] = [];
  for await (const item of counting) items.push(item);
  assert.deepEqual(items, [0, 1, 2]);
  assert.deepEqual(await counting.next(), done);
  assert.deepEqual(await counting.return(), done);
  assert.deepEqual([counting.steps, counting.ends], [4, 1]);
});

test('a loop that is left ends the iteration, and next() takes no step after it', async () => {
  const counting = new Counting(3);
  for await (const item of counting) if (item === 1) break;
  assert.deepEqual(await counting.next(), done);
  assert.deepEqual([counting.steps, counting.ends], [2, 1]);
});

test('return() takes back every next() that waits: they resolve as done', async () => {
  const counting = new Counting(3);
  counting.hold = true;
  const nexts = [counting.next(), counting.next()];
  const returned = counting.return();
  assert.equal(counting.ends, 1, 'in the call itself');
  for (const promise of [...nexts, returned]) assert.deepEqual(await promise, done);
});

test('return() waits for the end that takes its time, and rejects when that fails', async () => {
  const counting = new Counting(3);
  let release = (): void => undefined;
  counting.endsLater = new Promise((resolve) => (release = resolve));
  let isOver = false;
  const returned = counting.return().then(() => (isOver = true));
  await new Promise((resolve) => void setImmediate(resolve));
  assert.equal(isOver, false);
  assert.deepEqual(await counting.next(), done);
  release();
  await returned;
  const failing = new Counting(3);
  failing.endsLater = Promise.reject(new Error('burnt'));
  await assert.rejects(failing.return(), /burnt/);
});

test('throw() ends the iteration and rejects with its error', async () => {
  const counting = new Counting(3);
  await assert.rejects(counting.throw(new Error('enough')), /enough/);
  assert.deepEqual(await counting.next(), done);
  assert.equal(counting.ends, 1);
});

test('await using ends the iteration at the end of the block', async () => {
  const counting = new Counting(3);
  {
    await using items = counting;
    await items.next();
  }
  assert.equal(counting.ends, 1);
  assert.equal(counting[Symbol.asyncIterator](), counting);
});
