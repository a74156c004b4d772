// The frame of the task benchmarks, for maitre and its peers in JavaScript: warms up, repeats, and prints CPU time.
import process from 'node:process';

/** Runs the operation that often, one after the other. */
export type Batch = (count: number) => PromiseLike<void>;

/**
 * Runs the named one of `batches`: `PROGRAM NAME WINDOW` on the command line, the window in ms, after half of it to warm
 * up. A batch has at least `smallest` operations.
 */
export async function measureBatches(
  batches: Readonly<Record<string, Batch | undefined>>,
  smallest = 100,
): Promise<void> {
  const [name = '', windowText = '1000'] = process.argv.slice(2);
  const batch = batches[name];
  if (batch === undefined) {
    console.log(JSON.stringify({ absent: 'not there' }));
    return;
  }
  const window = Number(windowText);
  const perBatch = await warmUp(batch, window / 2, smallest);
  const cpu = process.cpuUsage();
  const start = performance.now();
  let operations = 0;
  while (performance.now() - start < window) {
    await batch(perBatch);
    operations += perBatch;
  }
  const wall = (performance.now() - start) * 1000;
  const { user, system } = process.cpuUsage(cpu); // of all threads: the garbage collector's and the compiler's too
  console.log(JSON.stringify({ cpu: (user + system) / operations, wall: wall / operations }));
}

/** Finds how many operations take about 20 ms, meanwhile warming up for `ms`. */
async function warmUp(batch: Batch, ms: number, smallest: number): Promise<number> {
  const start = performance.now();
  let count = smallest;
  while (performance.now() - start < ms) {
    const before = performance.now();
    await batch(count);
    if (performance.now() - before < 20) count *= 2;
  }
  return count;
}

/**
 * Starts 100,000 sleeping tasks with `start`; prints the resident memory they add, how much of it is live after a garbage
 * collection (the rest is room that the collector keeps), and the host's timers; the latter two where it tells.
 */
export async function measureSleepers(start: (count: number) => PromiseLike<void>): Promise<void> {
  const sleepers = 100_000;
  const collect = await findCollector();
  collect?.();
  const before = process.memoryUsage();
  await start(sleepers);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const mib = (process.memoryUsage().rss - before.rss) / 1048576;
  const timers = process.getActiveResourcesInfo?.().filter((kind) => kind === 'Timeout').length;
  collect?.();
  const live = collect === undefined ? undefined : (process.memoryUsage().heapUsed - before.heapUsed) / 1048576;
  console.log(JSON.stringify({ mib, live, timers })); // which leaves out what is undefined
  process.exit();
}

/** V8's garbage collector as a function; undefined on other engines. */
async function findCollector(): Promise<(() => void) | undefined> {
  if (process.versions.bun !== undefined || process.versions['deno'] !== undefined) return undefined;
  const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([import('node:v8'), import('node:vm')]);
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void; // what the flag provides
}
