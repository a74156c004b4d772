// npm run bench [-- NAME...] [--rounds N] [--quick] [--on TOOL,...] [--no-write]
//
// Runs the benchmarks whose names contain one of the given words (all without any), prints a table for each, and writes
// it into docs/performance.md. Contenders take turns: A B C A B C ..., so that a slow minute of the machine hits all of
// them. --quick: two short rounds, nothing written. --on: only these runtimes, such as node24,bun; other languages stay.
// What is not on the machine is skipped and named. A run of everything takes about 25 minutes.

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { benchmarks } from '../bench/benchmarks.mjs';
import { runBenchmark } from '../bench/run.mjs';
import { goalsOf, tableOf, textTable, writeReport } from '../bench/report.mjs';
import { build } from './build.mjs';
import { setUp } from './setup.mjs';

let given;
try {
  given = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean' },
      on: { type: 'string' },
      'no-write': { type: 'boolean' },
    },
  });
} catch (error) {
  console.error(error.message);
  process.exit(2);
}
const { values, positionals } = given;
const quick = values.quick === true;
const settings = {
  rounds: Number(values.rounds ?? (quick ? 2 : 5)),
  warm: quick ? 400 : 1000,
  window: quick ? 800 : 2000,
  tools: values.on?.split(','),
};
const chosen = benchmarks.filter(
  ({ name }) => positionals.length === 0 || positionals.some((word) => name.includes(word)),
);
if (chosen.length === 0 || !(settings.rounds >= 1)) {
  console.error(`Nothing to run. Benchmarks: ${benchmarks.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
if (!existsSync('/proc/self/stat')) {
  console.error('The benchmarks read CPU times from /proc: they need Linux');
  process.exit(1);
}

setUp();
if (!(await build())) process.exit(1);

for (const benchmark of chosen) {
  console.log(`\n${benchmark.title}`);
  const { results, skipped } = await runBenchmark(benchmark, settings, progress);
  for (const reason of skipped) console.log(`  skipped: ${reason}`);
  if (results.length === 0) continue;
  console.log(textTable(tableOf(benchmark, results)));
  const goals = goalsOf(benchmark, results);
  if (goals.length > 0) console.log(`\n${textTable(goals)}`);
  if (!results.some(({ name }) => name === 'maitre')) process.exitCode = 1;
  if (quick || values['no-write'] === true) continue;
  writeReport(benchmark, results, { ...settings, skipped, command: commandLine(benchmark) });
}

function commandLine({ name }) {
  const options = [values.rounds && `--rounds ${values.rounds}`, values.on && `--on ${values.on}`].filter(Boolean);
  return ['npm run bench --', name, ...options].join(' ');
}

function progress(done, of) {
  if (process.stderr.isTTY) process.stderr.write(`\r  ${done} of ${of} ${done === of ? '\n' : ''}`);
}
