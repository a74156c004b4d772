// node scripts/cancel-storm.mjs [JOBS] [SEED]: jobs by the thousand, a third of them cancelled at random moments, and workers that
// die in between. No other job is harmed, the cleanup of every job that was told ran, nothing is left over. Prints how soon a place
// was free again, for jobs that look and for jobs that do not. Default: 1,000 jobs.
//
// A machine has bad moments: where nothing but a time is wrong, another storm is let loose, at most three in all. A job that
// was harmed, a cleanup that did not run and anything left over fail at once.

import { ThreadExecutor } from '../dist/executors.node.js';
import { CancelledError, createTask, run, sleep, WorkerLostError } from '../dist/index.node.js';
import { Resource } from '../dist/lowlevel.js';
import { build } from './build.mjs';
import { seeded } from './seeded.mjs';
import { setUp } from './setup.mjs';

setUp();
if (!(await build())) process.exit(1);
const jobs = Number(process.argv[2] ?? 1000);
const firstSeed = Number(process.argv[3] ?? Date.now() % 1_000_000);
const STORMS = 3;
const GRACE = 100;
const COOPERATIVE_BOUND = 20; // ms, p99
const BLOCKED_BOUND = GRACE + 50;
const url = new URL('./cancel-storm-jobs.mjs', import.meta.url);
const problems = [];
let slow = [];
let random;

for (let storm = 0; storm < STORMS; storm++) {
  slow = [];
  await run(() => letLoose(firstSeed + storm));
  if (problems.length > 0 || slow.length === 0) break;
}
for (const problem of [...problems, ...slow]) console.log(`FAIL  ${problem}`);
const passed = problems.length + slow.length === 0;
console.log(passed ? 'cancel storm passed' : 'cancel storm failed');
process.exit(passed ? 0 : 1);

async function letLoose(seed) {
  random = seeded(seed);
  const threads = new ThreadExecutor({ size: 4, cancelGrace: GRACE });
  const heavy = threads.module(url);
  const counts = new Int32Array(new SharedArrayBuffer(8));
  const freed = { looks: [], blocks: [] };
  await Promise.all(Array.from({ length: 4 }, () => heavy.waits(20, counts))); // all workers are there
  const deaths = Math.max(1, Math.round(jobs / 10));
  const blocked = Math.max(1, Math.round(jobs / 100));
  const all = [];
  for (let i = 0; i < jobs; i++) {
    const ms = 1 + Math.floor(random() * 5);
    const kind = random() < 0.5 ? 'waits' : 'spins';
    const cancelAfter = random() < 1 / 3 ? random() * 10 : undefined;
    all.push(one(i, () => heavy[kind](ms, counts), ms, cancelAfter, freed.looks));
    if (i % Math.ceil(jobs / deaths) === 0) all.push(death(() => heavy.dies()));
    if (i % Math.ceil(jobs / blocked) === 0) all.push(one(i, () => heavy.blocks(), undefined, 20, freed.blocks));
    if (i % 8 === 7) await sleep(random() * 12); // the queue stays short, so that cancels meet running jobs, too
  }
  const outcomes = await Promise.all(all);
  const { running, queued, terminated, lost } = threads.statistics();
  if (running + queued > 0) problems.push(`${running} jobs run and ${queued} wait after all have ended`);
  if (counts[0] !== counts[1]) problems.push(`${counts[0]} jobs began, ${counts[1]} cleaned up`);
  const count = (what) => outcomes.filter((outcome) => outcome === what).length;
  console.log(
    `seed ${seed}: ${jobs} jobs, ${count('done')} done, ${count('cancelled')} cancelled, ${count('died')} workers died`,
  );
  console.log(`workers ended for jobs that did not look: ${terminated}; lost: ${lost}`);
  report('a place of a job that looks was free after', freed.looks, COOPERATIVE_BOUND);
  report('a place of a job that does not was free after', freed.blocks, BLOCKED_BOUND);
  await threads.shutdown();
  const left = [...Resource.live].map(String);
  if (left.length > 0) problems.push(`left over: ${left.join(', ')}`);
}

async function one(i, call, expected, cancelAfter, times) {
  const task = createTask(call);
  let cancelledAt;
  if (cancelAfter !== undefined) {
    setTimeout(() => {
      cancelledAt = performance.now();
      task.cancel();
    }, cancelAfter);
  }
  try {
    const value = await task;
    if (value !== expected) problems.push(`job ${i} returned ${value} in place of ${expected}`);
    return 'done';
  } catch (error) {
    if (!(error instanceof CancelledError) || cancelledAt === undefined) problems.push(`job ${i} was harmed: ${error}`);
    else times.push(performance.now() - cancelledAt);
    return 'cancelled';
  }
}

async function death(call) {
  try {
    await call();
    problems.push('a job that ends its worker returned');
  } catch (error) {
    if (!(error instanceof WorkerLostError)) problems.push(`a worker died with ${error}`);
  }
  return 'died';
}

function report(what, times, bound) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  const isInTime = at(0.99) <= bound;
  console.log(
    `${isInTime ? 'ok  ' : 'slow'}  ${what} p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms of ${sorted.length} (bound: ${bound} ms)`,
  );
  if (!isInTime) slow.push(`${what} more than ${bound} ms`);
}
