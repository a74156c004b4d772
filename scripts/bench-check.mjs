// node scripts/bench-check.mjs [--record]: a short run of four benchmarks on this Node, for every change. It compares
// ratios to peers on the same runtime, which hold from machine to machine, with those in bench/recorded.json, and fails
// only on a clear loss, in three looks. A minute and a half; a bad look takes as long again. --record writes the ratios
// it finds.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { benchmarks } from '../bench/benchmarks.mjs';
import { ratioTo } from '../bench/report.mjs';
import { runBenchmark } from '../bench/run.mjs';
import { build } from './build.mjs';
import { root, setUp } from './setup.mjs';

const clearLoss = 1.5;
const LOOKS = 3;
const settings = { rounds: 5, warm: 500, window: 1500 };
const current = `node${process.versions.node.split('.')[0]}`;
const checks = [
  { name: 'echo', peer: "node:net 'data'" },
  { name: 'lines', peer: 'node:readline' },
  { name: 'connect', peer: 'node:net', key: 'user' },
  { name: 'task-join', peer: 'bare' },
];
const path = join(root, 'bench/recorded.json');
const recorded = JSON.parse(readFileSync(path, 'utf8'));
const recording = process.argv.includes('--record');

if (!existsSync('/proc/self/stat')) {
  console.log('Skipped: the benchmarks need Linux');
  process.exit(0);
}
setUp();
if (!(await build())) process.exit(1);

for (const check of checks) {
  let ratio = await measureRatio(check);
  const before = expected(check);
  for (let look = 1; look < LOOKS && !recording && ratio > before * clearLoss; look++) {
    ratio = Math.min(ratio, await measureRatio(check)); // a bad minute?
  }
  const lost = !(ratio <= before * clearLoss);
  console.log(
    `${!recording && lost ? 'FAIL' : 'ok  '}  ${check.name}: maitre / ${check.peer} on ${current}: ${ratio.toFixed(2)}, ` +
      `recorded ${before.toFixed(2)}, allowed ${(before * clearLoss).toFixed(2)}`,
  );
  if (recording) recorded[check.name] = { ...recorded[check.name], [current]: Number(ratio.toFixed(2)) };
  else if (lost) process.exitCode = 1;
}
if (recording) writeFileSync(path, `${JSON.stringify(recorded, undefined, 2)}\n`);

/** What was recorded on this version of Node; on one that is new, the worst of the others. */
function expected({ name }) {
  const ratios = recorded[name] ?? {};
  return ratios[current] ?? Math.max(...Object.values(ratios));
}

async function measureRatio({ name, peer, key }) {
  const benchmark = benchmarks.find((each) => each.name === name);
  const contenders = benchmark.contenders.filter(
    (each) => each.tool === current && (each.name === 'maitre' || each.name === peer),
  );
  const { results, skipped } = await runBenchmark({ ...benchmark, contenders }, settings);
  const row = (wanted) => results.find((each) => each.name === wanted);
  if (skipped.length > 0) throw new Error(`Cannot measure ${name}: ${skipped.join('; ')}`);
  return ratioTo(row('maitre'), row(peer), key ?? benchmark.compare.key);
}
