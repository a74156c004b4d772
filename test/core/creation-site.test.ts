import assert from 'node:assert/strict';
import { createTask, type ExceptionContext, run, setExceptionHandler } from 'maitre';
import { nextTurn, test } from '../support/test.js';

/** The reports of `count` tasks of one text that fail. */
async function reportsOf(count: number): Promise<ExceptionContext[]> {
  const reports: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => reports.push(context));
  for (let i = 0; i < count; i++) createTask(() => Promise.reject(new Error('one text')));
  await nextTurn();
  await nextTurn();
  return reports;
}

test('the place of the first tasks of a text is captured, that of later ones is marked as guessed', async () => {
  const reports = await reportsOf(20);
  assert.equal(reports.length, 20);
  const guessed = reports.map(({ createdAtGuessed }) => createdAtGuessed === true);
  assert.equal(guessed[0], false);
  assert.ok(guessed.includes(true));
  for (const { createdAt } of reports) assert.match(createdAt ?? '', /creation-site/);
});

test('while tracing is on, no place is guessed', async () => {
  const reports = await run(() => reportsOf(20), { debug: true });
  assert.ok(reports.every(({ createdAtGuessed }) => createdAtGuessed !== true));
});

test('a text that was seen at a second place is never guessed again', async () => {
  const reports: ExceptionContext[] = [];
  using _ = setExceptionHandler((context) => reports.push(context));
  const fail = (): Promise<never> => Promise.reject(new Error('two places'));
  createTask(fail);
  createTask(fail);
  for (let i = 0; i < 30; i++) createTask(fail);
  await nextTurn();
  await nextTurn();
  assert.equal(reports.length, 32);
  assert.ok(reports.every(({ createdAtGuessed }) => createdAtGuessed !== true));
});
