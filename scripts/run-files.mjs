// Runs compiled test files, each in a process of its own or in a small group, some at once. Shared by `npm test` and the
// runtime matrix.
//
// A file that fails, and each of a group that does, is run once more when all others have ended, by itself: a test that
// fails beside others may have met a busy machine. What passes then is named all the same, with what it printed first.

import { availableParallelism } from 'node:os';
import { dirname, delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { capture, mapAtMost } from './processes.mjs';
import { root } from './setup.mjs';
import { withSourcePositions } from './source-positions.mjs';
import { endOf, fileTimeout, groupsOf } from './test-files.mjs';

/** Many tests wait for a process or a clock most of their time. */
const atOnce = availableParallelism() + 1;

/** How many files are named for the time that they took. */
const SLOWEST = 12;

/** How a runtime runs a test file, or several in one process, and how it counts. */
const runners = {
  node: {
    args: [
      `--import=${pathToFileURL(join(root, 'scripts/test-preload.mjs'))}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
    ],
    group: 'scripts/test-group.mjs',
    took: /^ *ℹ (\S+) took (\S+) s$/gm,
    passed: /^ℹ pass (\d+)$/gm,
    failed: /^ℹ (?:fail|cancelled) (\d+)$/gm,
    skipped: /^ℹ (?:skipped|todo) (\d+)$/gm,
    noise: /^ *ℹ (?!Error: ).*\n/gm,
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
  const groups = runner.group === undefined ? files.map((file) => [file]) : groupsOf(files);
  const first = await mapAtMost(atOnce, groups, async (group) => {
    const outcome = await runGroup(runner, program, group);
    if (show) process.stdout.write(outcome.output.replace(runner.noise, ''));
    return outcome;
  });
  if (show) {
    const slowest = first.flatMap(({ took }) => took).sort((a, b) => b.seconds - a.seconds);
    console.log(`\nThe slowest files, in seconds beside others:`);
    for (const { file, seconds } of slowest.slice(0, SLOWEST)) {
      console.log(`${seconds.toFixed(1).padStart(7)}  ${file}`);
    }
  }
  const total = { passed: 0, failed: 0, skipped: 0 };
  const add = (outcome) => {
    for (const count of Object.keys(total)) total[count] += outcome[count];
  };
  for (const outcome of first) {
    if (outcome.code === 0) {
      add(outcome);
      continue;
    }
    const again = [];
    for (const file of outcome.files) again.push(await runGroup(runner, program, [file]));
    again.forEach(add);
    const failed = again.filter(({ code }) => code !== 0);
    const names = (outcomes) => outcomes.flatMap((each) => each.files).join(', ');
    const then = failed.length === 0 ? 'passed' : `${names(failed)} failed again`;
    console.log(
      `\n✖ ${title}: ${names([outcome])} failed beside others; alone, ${then}. It had printed:\n${failuresOf(outcome)}`,
    );
    for (const each of failed) console.log(`\nAlone ${names([each])} printed:\n${failuresOf(each)}`);
  }
  return total;
}

async function runGroup({ args, group, took, passed, failed, skipped }, program, files) {
  const began = performance.now();
  const isGroup = files.length > 1;
  const paths = files.map((file) => `./${file}`);
  const { code: exitCode, output } = await capture(program, [...args, ...(isGroup ? [group, ...files] : paths)], {
    timeout: fileTimeout * files.length, // on Node, each file is watched by itself
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
  const seconds = (performance.now() - began) / 1000;
  const times = isGroup
    ? [...output.matchAll(took)].map(([, file, time]) => ({ file, seconds: Number(time) }))
    : [{ file: files[0], seconds }];
  // A file of a group may end the process, with any code.
  const code = times.length < files.length ? exitCode || 1 : exitCode;
  return {
    files,
    code,
    output: code === 0 ? output : withSourcePositions(output),
    took: times,
    passed: count(passed) - (isGroup ? files.filter((file) => output.includes(`✔ ${endOf(file)} `)).length : 0),
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
