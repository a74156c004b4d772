import assert from 'node:assert/strict';
import { appendFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { createTask, LimitOverrunError, sleep, type Task } from 'maitre';
import { tail, type TailOptions } from 'maitre/files';
import { test } from '../support/test.js';
import { withPath } from './files.js';

/** Follows a file in a task; `sees` waits for the next lines. */
function follow(
  path: string,
  options: TailOptions = {},
): { task: Task<void>; sees: (...lines: string[]) => Promise<void> } {
  const seen: string[] = [];
  const task = createTask(async () => {
    for await (const line of tail(path, { interval: 5, ...options })) seen.push(line);
  });
  const sees = async (...lines: string[]): Promise<void> => {
    for (let i = 0; seen.length < lines.length && i < 1000; i++) await sleep(5);
    await sleep(20);
    assert.deepEqual(seen.splice(0), lines);
  };
  return { task, sees };
}

test('tail yields new lines once they are complete, from the end or from the start', async () => {
  await withPath(async (path) => {
    writeFileSync(path, 'old\n');
    const { task, sees } = follow(path);
    const all = follow(path, { from: 'start' });
    await all.sees('old');
    appendFileSync(path, 'one\r\ntwo\nthr');
    await sees('one', 'two');
    appendFileSync(path, 'ee ☕\n');
    await sees('three ☕');
    await all.sees('one', 'two', 'three ☕');
    task.cancel();
    all.task.cancel();
    await Promise.allSettled([task, all.task]);
  });
});

test('tail goes on after a rotation, with the rest of the old file first, and after a truncation', async () => {
  await withPath(async (path) => {
    writeFileSync(path, '');
    const { task, sees } = follow(path);
    await sleep(20);
    appendFileSync(path, 'before\n');
    renameSync(path, `${path}.1`);
    await sees('before');
    writeFileSync(path, 'new file\n');
    appendFileSync(`${path}.1`, 'late\nunfinished');
    await sees('late', 'unfinished', 'new file');
    appendFileSync(path, 'more\n');
    await sees('more');
    truncateSync(path);
    await sleep(20);
    appendFileSync(path, 'after\n');
    await sees('after');
    task.cancel();
    await Promise.allSettled([task]);
  });
});

test('tail refuses a file that is not there, and a line without end', async () => {
  await assert.rejects(tail('/no/such/file').next(), { code: 'ENOENT' });
  await assert.rejects(tail('/etc/hosts', { interval: 0 }).next(), RangeError);
  await withPath(async (path) => {
    writeFileSync(path, 'x'.repeat(200));
    await assert.rejects(tail(path, { from: 'start', limit: 100 }).next(), LimitOverrunError);
  });
});
