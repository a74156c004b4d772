import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readlinkSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { createTask, every, LimitOverrunError, merge, moveOnAfter, race, sleep, type Task, timeout } from 'maitre';
import { Resource } from 'maitre/lowlevel';
import { tail, type TailIterator, type TailOptions } from 'maitre/files';
import { test } from '../support/test.js';
import { withPath } from './files.js';

/** Follows a file in a task; `sees` waits for the next lines. */
function follow(
  path: string,
  options: TailOptions = {},
): { task: Task<void>; sees: (...lines: string[]) => Promise<void> } {
  const seen: string[] = [];
  const task = createTask(async () => {
    await using lines = tail(path, { interval: 5, ...options }); // the task ends when its file is closed
    for await (const line of lines) seen.push(line);
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

test('tail refuses a file that is not there, and wrong options', async () => {
  await assert.rejects(tail('/no/such/file').next(), { code: 'ENOENT' });
  await assert.rejects(tail('/no/such/file').ready(), { code: 'ENOENT' });
  assert.throws(() => tail('/etc/hosts', { interval: 0 }), RangeError);
  assert.deepEqual(live(), []);
});

test('a line longer than the limit, with its end or without, is an error after the lines before it', async () => {
  await withPath(async (path) => {
    for (const end of ['\n', '']) {
      writeFileSync(path, `one\ntwo\n${'x'.repeat(200)}${end}`);
      const lines = tail(path, { from: 'start', limit: 100 });
      assert.deepEqual(await lines.next(), { done: false, value: 'one' });
      assert.deepEqual(await lines.next(), { done: false, value: 'two' });
      await assert.rejects(lines.next(), LimitOverrunError);
      assert.deepEqual(await lines.next(), { done: true, value: undefined });
      assert.deepEqual(live(), []);
      await lines.return?.(); // waits until the file is closed
    }
  });
});

test('a slow loop slows the reading: of a large file, a piece is held', async () => {
  await withPath(async (path) => {
    writeFileSync(path, 'a line of the log\n'.repeat(500_000));
    await using lines = tail(pathToFileURL(path), { from: 'start' });
    await lines.next();
    await sleep(50);
    assert.equal(position(), 65_536);
    let count = 1;
    for await (const line of lines) {
      assert.equal(line, 'a line of the log');
      if (++count === 500_000) break;
    }
  });
});

test('a cancelled next() loses no line, whenever the cancel comes, also in merge and race', async () => {
  await withPath(async (path) => {
    writeFileSync(path, '');
    await using lines = tail(path, { interval: 1 });
    await lines.ready();
    let written = 0;
    const writing = createTask(async () => {
      for (; written < 300; await sleep(1)) appendFileSync(path, `${++written}\n${++written}\n`);
    });
    let expected = 1;
    const took = (line: unknown): void => assert.equal(line, String(expected++));
    while (expected <= 100) {
      const next = await moveOnAfter(expected % 7, () => lines.next());
      if (next !== undefined) took(next.value);
    }
    while (expected <= 200) {
      const next = await race([() => lines.next(), () => sleep(expected % 5)]);
      if (next !== undefined) took(next.value);
    }
    const merged = merge(lines, every(2));
    while (expected <= 300) {
      const next = await moveOnAfter(expected % 3, () => merged.next());
      if (typeof next?.value === 'string') took(next.value);
    }
    await writing;
    await merged.return?.();
  });
});

test('tail ends with the scope it was called in, and closes its file', async () => {
  await withPath(async (path) => {
    writeFileSync(path, 'one\n');
    let lines: TailIterator | undefined;
    await timeout(60_000, async () => {
      lines = tail(path, { from: 'start' });
      assert.equal((await lines.next()).value, 'one');
      assert.equal(position(), 4);
      assert.equal(String(live()[0]), `<Tail ${path}>`);
    });
    assert.deepEqual(live(), []);
    assert.deepEqual(await lines?.next(), { done: true, value: undefined });
    await lines?.return?.();
    if (process.platform === 'linux')
      assert.deepEqual(
        openFiles().filter((file) => file === path),
        [],
      );
  });
});

const live = (): Resource[] => [...Resource.live].filter(({ kind }) => kind === 'tail');

const position = (): unknown =>
  Object.entries(live()[0]?.statistics() ?? {}).find(([name]) => name === 'position')?.[1];

/** What the descriptors of this process lead to, on Linux. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return []; // the one of this reading
    }
  });
}
