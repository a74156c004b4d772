// npm test: sets up, builds, checks and runs every test.
// npm test -- NAME...: only the test files whose path contains one of the names, without the other checks.
// npm test -- --long [NAME...]: the long ones, in the same way.

import { build } from './build.mjs';
import { capture, mapAtMost } from './processes.mjs';
import { runFiles } from './run-files.mjs';
import { setUp, toolPath } from './setup.mjs';
import { listTestFiles } from './test-files.mjs';

setUp();
const started = performance.now();
if (!(await build())) process.exit(1);
report('build', true, (performance.now() - started) / 1000);

const long = process.argv.includes('--long');
const filters = process.argv.slice(2).filter((argument) => argument !== '--long');
const files = listTestFiles({ long }).filter(
  (file) => filters.length === 0 || filters.some((name) => file.includes(name)),
);
if (files.length === 0) {
  console.error(`No test file matches ${filters.join(' or ')}`);
  process.exit(1);
}

const failed = filters.length === 0 && !long ? await runChecks() : [];
// Before the tests, so that the last lines are theirs.
if (failed.length > 0) console.log(`\nFailed before the tests: ${failed.join(', ')}`);

const begun = performance.now();
const total = await runFiles('node', process.execPath, files, { show: true, title: 'npm test' });
const took = ((performance.now() - begun) / 1000).toFixed(1);
console.log(`\nℹ tests ${total.passed + total.failed + total.skipped}, in ${files.length} files, in ${took} s`);
console.log(`ℹ pass ${total.passed}\nℹ fail ${total.failed}\nℹ skipped ${total.skipped}`);
process.exitCode = total.failed === 0 && failed.length === 0 ? 0 : 1;

/** Runs everything that is not a test, two at once. Returns the names of what failed. */
async function runChecks() {
  const checks = [
    ['lint', toolPath('oxlint'), '--type-aware', '--deny-warnings', '--report-unused-disable-directives'],
    ['format', toolPath('oxfmt'), '--check'],
    ['examples', toolPath('tsc', 'typescript'), '-p', 'examples'],
    ['page', toolPath('tsc', 'typescript'), '-p', 'examples/gui'],
    ['package', toolPath('publint'), 'run', '--strict'],
    ['unused', toolPath('knip'), '--no-progress'],
  ];
  const outcomes = await mapAtMost(2, checks, async ([name, ...args]) => {
    const { code, output, seconds } = await capture(process.execPath, args);
    report(name, code === 0, seconds, output);
    return code === 0 ? [] : [name];
  });
  return outcomes.flat();
}

function report(name, passed, seconds, output) {
  console.log(`${passed ? 'ok  ' : 'FAIL'}  ${name.padEnd(8)} ${seconds.toFixed(1).padStart(6)} s`);
  if (!passed) console.log(output);
}
