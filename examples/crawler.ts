// node examples/crawler.ts              (Node 24 or later; npx tsx examples/crawler.ts before)
//
// The shape of every crawler: a frontier of pages still to visit, a pool of workers that take from it and put what they find
// back into it, and politeness towards the site. The site here is made up and lives in memory; put `fetch` in its place, with a
// deadline: `timeout(10_000, (t) => fetch(url, { signal: t.signal }))`. A page that times out is tried again.
//
// - The frontier is a queue. It is empty now and then while workers still look for links, so an empty queue is no end:
//   `join()` is, which waits until every page that went in is marked done. Then the queue is shut down and the workers end.
// - A limiter bounds the requests at once, a rate limit those per second, and a page that fails is tried again.
import { fileURLToPath } from 'node:url';
import { CancelledError, CapacityLimiter, Queue, rateLimit, retry, run, sleep, TaskGroup } from 'maitre';

/** The links of a page; a page that is not there throws. */
export type FetchPage = (path: string) => Promise<readonly string[]>;

export interface CrawlOptions {
  readonly workers?: number;
  /** Requests at once. */
  readonly connections?: number;
  /** Requests per second. */
  readonly perSecond?: number;
}

export interface Crawl {
  readonly pages: ReadonlySet<string>;
  readonly broken: ReadonlyMap<string, string>;
}

/** Visits every page that can be reached from `start`, each once. */
export async function crawl(start: string, fetchPage: FetchPage, options: CrawlOptions = {}): Promise<Crawl> {
  const { workers = 8, connections = 4, perSecond = 50 } = options;
  const frontier = new Queue<string>();
  const seen = new Set<string>();
  const pages = new Set<string>();
  const broken = new Map<string, string>();
  const limiter = new CapacityLimiter(connections);
  const rate = rateLimit(perSecond, 1000);

  function visitOnce(path: string): void {
    if (seen.has(path)) return;
    seen.add(path);
    frontier.putNowait(path); // unbounded: a worker that waited here for room would wait for itself
  }

  async function request(path: string): Promise<readonly string[]> {
    await rate.acquire();
    using _ = await limiter.acquire();
    return await fetchPage(path);
  }

  async function work(): Promise<void> {
    for await (const path of frontier) {
      try {
        const links = await retry(() => request(path), { attempts: 3, backoff: 100 });
        pages.add(path);
        for (const link of links) visitOnce(link);
      } catch (error) {
        if (error instanceof CancelledError) throw error;
        broken.set(path, error instanceof Error ? error.message : String(error)); // the crawl goes on without it
      } finally {
        frontier.taskDone();
      }
    }
  }

  visitOnce(start);
  await TaskGroup.run(async (group) => {
    for (let worker = 1; worker <= workers; worker++) group.createTask(work, { name: `worker ${worker}` });
    await frontier.join();
    frontier.shutdown();
  });
  return { pages, broken };
}

/** A site of `size` pages in memory: page n links to 2n and 2n + 1. Some answers fail the first time, one link is dead. */
export function makeSite(size: number, latency = 30): FetchPage {
  const failedOnce = new Set<number>();
  return async (path) => {
    await sleep(latency);
    const number = Number(path.slice('/page/'.length));
    if (number > size) throw new Error(`404 ${path}`);
    if (number % 7 === 0 && !failedOnce.has(number)) {
      failedOnce.add(number);
      throw new Error(`503 ${path}`);
    }
    const links = [2 * number, 2 * number + 1].filter((each) => each <= size + 1);
    return links.map((each) => `/page/${each}`);
  };
}

async function main(): Promise<void> {
  const { pages, broken } = await crawl('/page/1', makeSite(50));
  console.log(`${pages.size} pages, ${broken.size} broken link`);
  for (const [path, reason] of broken) console.log(`    ${path}: ${reason}`);
}

// Not when a test imports it.
if (process.argv[1] === fileURLToPath(import.meta.url)) await run(main);
