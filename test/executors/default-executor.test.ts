import assert from 'node:assert/strict';
import { run, setExceptionHandler } from 'maitre';
import { setDefaultExecutor, ThreadExecutor, toThread } from 'maitre/executors';
import { Resource } from 'maitre/lowlevel';
import { test } from '../support/test.js';
import type * as jobs from './fixtures/jobs.js';

const url = new URL('./fixtures/jobs.js', import.meta.url);

test('toThread runs in threads that are there without being made, and a run does not call them left open', async () => {
  const reports: string[] = [];
  using _ = setExceptionHandler(({ message }) => void reports.push(message));
  await run(async () => assert.equal(await toThread<typeof jobs>(url).add(2, 3), 5), { handleSignals: false });
  assert.deepEqual(reports, []);
  const made = [...Resource.live].find(({ kind }) => kind === 'executor');
  assert.equal(made?.name, 'default');
  await using own = new ThreadExecutor({ size: 1, name: 'own' });
  setDefaultExecutor(own);
  assert.equal(await toThread<typeof jobs>(url).add(2, 3), 5);
  assert.equal(own.statistics().finished, 1);
  await (made as ThreadExecutor).shutdown();
});
