// Runs compiled test files, each in a process of its own, some at once. Shared by `npm test` and the runtime matrix.
//
// A file that fails is run once more when all others have ended, by itself: a test that fails beside others may have
// met a busy machine. What passes then is named all the same, with what it printed first.

import { availableParallelism } from 'node:os';
import { dirname, delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { capture, mapAtMost } from './processes.mjs';
import { root } from './setup.mjs';
import { withSourcePositions } from './source-positions.mjs';
import { fileTimeout } from './test-files.mjs';

/** Many tests wait for a process or a clock most of their time. */
const atOnce = availableParallelism() + 1;

/** How many files are named for the time that they took. */
const SLOWEST = 12;

/** How a runtime runs a test file, and how it counts. */
const runners = {
  node: {
    args: [
      `--import=${pathToFileURL(join(root, 'scripts/test-preload.mjs'))}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
    ],
    passed: /^ℹ pass (\d+)$/gm,
    failed: /^ℹ (?:fail|cancelled) (\d+)$/gm,
    skipped: /^ℹ (?:skipped|todo) (\d+)$/gm,
    noise: /^ℹ (?!Error: ).*\n/gm,
  },
  // Its limit is per test; a hung file is killed.
  bun: {
    args: ['test', `--timeout=${fileTimeout - 10_000}`],
    passed: /^ *(\d+) pass$/gm,
    failed: /^ *(\d+) fail$/gm,
    skipped: /^ *(\d+) (?:skip|todo)$/gm,
  },
  // It takes no notice of errors thrown in `after` and `afterEach` hooks. --no-check: the compiler has seen the sources.
  // Subtests count as steps of their test and not by themselves.
  deno: {
    args: ['test', '--allow-all', '--no-check', '--no-lock'],
    passed: /\| (\d+) passed/g,
    failed: /\| (\d+) failed/g,
    skipped: /\| (\d+) ignored/g,
  },
};

/**
 * Runs the files with a runtime: `node`, `bun` or `deno`, and the path of its program. With `show`, prints what each
 * file prints when it has ended. Resolves to the counts, and prints what failed.
 */
export async function runFiles(kind, program, files, { show = false, title = kind } = {}) {
  const runner = runners[kind];
  const first = await mapAtMost(atOnce, files, async (file) => {
    const outcome = await runFile(runner, program, file);
    if (show) process.stdout.write(outcome.output.replace(runner.noise, ''));
    return outcome;
  });
  if (show) {
    const slowest = first.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
    console.log(`\nThe slowest files, in seconds beside others:`);
    for (const { file, seconds } of slowest) console.log(`${seconds.toFixed(1).padStart(7)}  ${file}`);
  }
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const outcome of first) {
    const last = outcome.code === 0 ? outcome : await runFile(runner, program, outcome.file);
    total.passed += last.passed;
    total.failed += last.failed;
    total.skipped += last.skipped;
    if (outcome.code === 0) continue;
    const then = last.code === 0 ? 'passed when it ran alone' : 'failed again when it ran alone';
    console.log(
      `\n✖ ${title}: ${outcome.file} failed beside others, and ${then}. It had printed:\n${failuresOf(outcome)}`,
    );
    if (last.code !== 0) console.log(`\nAlone it printed:\n${failuresOf(last)}`);
  }
  return total;
}

async function runFile({ args, passed, failed, skipped }, program, file) {
  const began = performance.now();
  const { code, output } = await capture(program, [...args, `./${file}`], {
    timeout: fileTimeout,
    env: {
      NO_COLOR: '1',
      DENO_NO_UPDATE_CHECK: '1',
      // Node 22 and later compile each file once for all of its processes: a fifth of the CPU time of a start.
      NODE_COMPILE_CACHE: join(root, 'build/compile-cache'),
      // Tests that start the runtime by its name get this one.
      PATH: `${dirname(program)}${delimiter}${process.env.PATH}`,
    },
  });
  const count = (pattern) => [...output.matchAll(pattern)].reduce((sum, [, number]) => sum + Number(number), 0);
  return {
    file,
    code,
    output: code === 0 ? output : withSourcePositions(output),
    seconds: (performance.now() - began) / 1000,
    passed: count(passed),
    // A file that cannot be loaded, or fails between its tests, counts as one.
    failed: code === 0 ? 0 : count(failed) || 1,
    skipped: count(skipped),
  };
}

/** The part of an output that tells what failed. */
function failuresOf({ output }) {
  // What node:test cannot ascribe to a test stands before the list of those that failed.
  const unascribed = [...output.matchAll(/^ℹ Error: .*\n/gm)].join('');
  const start = output.indexOf('✖ failing tests:');
  return (start < 0 ? output : unascribed + output.slice(start)).slice(-30_000);
}
