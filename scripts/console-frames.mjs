// Measures the console's page on a simulated process: node scripts/console-frames.mjs [TABLES ...]
// How long script takes for a frame of the floor, frames a second, long tasks, and what the stream weighs.
// Ends with 1 where a median is over its budget. Needs Chromium, and a machine that does nothing else.

import { build } from './build.mjs';
import { setUp } from './setup.mjs';

/** Milliseconds of script a frame, at the median, by the number of tables. */
const budget = { 8: 2, 120: 2, 1000: 2, 10000: 4 };
const SECONDS = 6;

setUp();
if (!(await build())) process.exit(1);
const { SCENARIOS } = await import('../build/test/support/simulated-loop.js');
const { SimulatedProcess } = await import('../build/test/support/simulated-process.js');
const { servePage } = await import('../build/test/support/page-server.js');
const { launch } = await import('../build/test/support/chromium.js');

/** Runs in the page before its own script: times every callback for a frame, and collects long tasks. */
const probe = `
  window.probe = { frames: [], gaps: [], long: [], bytes: 0 };
  const ask = window.requestAnimationFrame.bind(window);
  let last = 0;
  window.requestAnimationFrame = (callback) => ask((now) => {
    const begin = performance.now();
    callback(now);
    probe.frames.push(performance.now() - begin);
    if (last > 0) probe.gaps.push(now - last);
    last = now;
  });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) probe.long.push(Math.round(entry.duration));
  }).observe({ type: 'longtask', buffered: false });
  const parse = JSON.parse;
  JSON.parse = (text, reviver) => { probe.bytes += text.length; return parse(text, reviver); };
`;

const asked = process.argv.slice(2).map(Number);
const browser = await launch();
try {
  for (const tables of Object.keys(budget).map(Number)) {
    if (asked.length === 0 || asked.includes(tables)) await measure(tables);
  }
} finally {
  await browser.close();
}

async function measure(tables) {
  const simulated = new SimulatedProcess({ ...SCENARIOS[tables], blockEvery: 0 });
  simulated.loop.advance(60_000);
  const server = await servePage(simulated, { live: true });
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.addInitScript(probe);
  await page.goto(server.origin);
  await page.waitForSelector('footer .ok');
  await page.waitForTimeout(2000);
  await page.evaluate('Object.assign(probe, { frames: [], gaps: [], long: [], bytes: 0 })');
  await page.waitForTimeout(SECONDS * 1000);
  const { frames, gaps, long, bytes } = await page.evaluate('probe');
  const heap = await page.evaluate('performance.memory.usedJSHeapSize');
  const row = {
    tables,
    'script a frame, ms': `p50 ${quantile(frames, 0.5)}, p95 ${quantile(frames, 0.95)}, most ${quantile(frames, 1)}`,
    'gap, ms': `p50 ${quantile(gaps, 0.5)}, p95 ${quantile(gaps, 0.95)}`,
    'long tasks': long.length === 0 ? 'none' : `${long.length}, most ${Math.max(...long)} ms`,
    'kB/s': Math.round(bytes / SECONDS / 1000),
    'heap, MB': Math.round(heap / 1e6),
  };
  console.log(JSON.stringify(row));
  if (Number(quantile(frames, 0.5)) > budget[tables]) {
    console.log(`over the budget of ${budget[tables]} ms`);
    process.exitCode = 1;
  }
  await page.close();
  await server[Symbol.asyncDispose]();
}

function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1);
}
