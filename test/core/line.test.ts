import assert from 'node:assert/strict';
import { createTask } from 'maitre';
import { beginWait, Line, QueuedWait } from 'maitre/lowlevel';
import { nextTurn, test } from '../support/test.js';

async function waitersOf(line: Line<string>, count: number) {
  const wait = (): Promise<string> => beginWait() ?? line.join(new QueuedWait<string>('line', line));
  const tasks = Array.from({ length: count }, () => createTask(wait));
  await nextTurn();
  return tasks;
}

test('answerFirst answers in the order of joining, and says when nobody waits', async () => {
  const line = new Line<string>();
  const [a, b] = await waitersOf(line, 2);
  assert.equal(line.size, 2);
  assert.equal(line.answerFirst('one'), true);
  assert.equal(line.size, 1); // it leaves in the step that answers
  assert.equal(line.answerFirst('two'), true);
  assert.equal(line.answerFirst('three'), false);
  assert.deepEqual([await a, await b], ['one', 'two']);
});

test('a cancelled wait leaves the line, and the next one is first', async () => {
  const line = new Line<string>();
  const [a, b] = await waitersOf(line, 2);
  a?.cancel();
  assert.equal(line.size, 1);
  line.answerFirst('for b');
  assert.equal(await b, 'for b');
  assert.equal(a?.cancelled(), true);
});

test('answerAll and failAll empty the line; each gets an error of its own', async () => {
  const line = new Line<string>();
  const answered = await waitersOf(line, 3);
  line.answerAll('all');
  assert.deepEqual(await Promise.all(answered), ['all', 'all', 'all']);
  const failed = await waitersOf(line, 2);
  let made = 0;
  line.failAll(() => new Error(`error ${++made}`));
  assert.equal(line.size, 0);
  const errors = await Promise.all(failed.map((task) => task.catch((error: unknown) => String(error))));
  assert.deepEqual(errors, ['Error: error 1', 'Error: error 2']);
});
