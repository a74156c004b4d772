import assert from 'node:assert/strict';
import { CancelledError, createTask, currentTask, loopTime, sleep, timeout } from 'maitre';
import { crawl, type FetchPage, makeSite } from '../../examples/crawler.ts';
import { Program, programArgs } from '../support/program.js';
import { fakeTest, test } from '../support/test.js';

/** A site that counts its visitors. */
function counted(site: FetchPage): { fetchPage: FetchPage; most: () => number; times: number[]; visits: string[] } {
  const times: number[] = [];
  const visits: string[] = [];
  let now = 0;
  let most = 0;
  const fetchPage: FetchPage = async (path) => {
    times.push(loopTime());
    visits.push(path);
    most = Math.max(most, ++now);
    try {
      return await site(path);
    } finally {
      now--;
    }
  };
  return { fetchPage, most: () => most, times, visits };
}

fakeTest('every page is visited, those that failed once too, and the dead link is told', async () => {
  const { fetchPage, visits } = counted(makeSite(200));
  const { pages, broken } = await crawl('/page/1', fetchPage);
  assert.equal(pages.size, 200);
  assert.deepEqual([...broken], [['/page/201', '404 /page/201']]);
  assert.equal(visits.length, 200 + 28 + 3, 'one more for each that failed once, three for the dead one');
});

test('a site that hangs once on every page loses no page to the timeout, with one worker and the signal of the task', async () => {
  const site = makeSite(6, 0);
  const hung = new Set<string>();
  // As `fetch(url, { signal })`: a promise that only its signal ends.
  const answer = (path: string, signal: AbortSignal | undefined): Promise<readonly string[]> => {
    if (hung.has(path) && signal?.aborted === false) return site(path);
    hung.add(path);
    return new Promise((_, reject) => {
      if (signal?.aborted === true) reject(signal.reason as Error);
      signal?.addEventListener('abort', () => reject(signal.reason as Error));
    });
  };
  const fetchPage: FetchPage = (path) => timeout(20, () => answer(path, currentTask()?.signal));
  const { pages, broken } = await crawl('/page/1', fetchPage, { workers: 1 });
  assert.equal(pages.size, 6);
  assert.deepEqual([...broken.keys()], ['/page/7']);
});

fakeTest('there are no more requests at once, and per second, than allowed', async () => {
  const { fetchPage, most, times } = counted(makeSite(300, 400));
  await crawl('/page/1', fetchPage, { workers: 20, connections: 5, perSecond: 10 });
  assert.equal(most(), 5);
  for (const [index, time] of times.entries()) {
    const next = times.findIndex((each) => each > time + 1000);
    assert.ok((next < 0 ? times.length : next) - index <= 21, `too many after ${time}`);
  }
});

fakeTest('a cycle of links ends', async () => {
  const { pages } = await crawl('/a', async (path) => (await sleep(1), path === '/a' ? ['/b', '/a'] : ['/a', '/b']));
  assert.deepEqual([...pages], ['/a', '/b']);
});

fakeTest('a crawl that is cancelled ends at once', async (clock) => {
  const task = createTask(() => crawl('/page/1', makeSite(10_000)));
  await sleep(500);
  task.cancel();
  await assert.rejects(task.then(), CancelledError);
  assert.equal(clock.now(), 500);
});

test('as a program it counts the pages and names the broken link', async () => {
  await using program = new Program(programArgs('examples/crawler.ts'));
  const { code, stdout, stderr } = await program.ended();
  assert.deepEqual([code, stderr], [0, '']);
  assert.equal(stdout, '50 pages, 1 broken link\n    /page/51: 404 /page/51\n');
});
