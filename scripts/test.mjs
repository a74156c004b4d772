// npm test: sets up, builds, checks and runs every test.
// npm test -- NAME...: only the test files whose path contains one of the names, without the other checks.

import { spawnSync } from 'node:child_process';
import { build } from './build.mjs';
import { capture, mapAtMost } from './processes.mjs';
import { root, setUp, toolPath } from './setup.mjs';
import { listTestFiles, nodeTestArguments } from './test-files.mjs';

/** The whole run of all tests is bounded too, in ms: a test that blocks its loop is beyond the watchdog's reach. */
const testsTimeout = 600_000;

setUp();
const started = performance.now();
if (!build()) process.exit(1);
report('build', true, (performance.now() - started) / 1000);

const filters = process.argv.slice(2);
const files = listTestFiles().filter((file) => filters.length === 0 || filters.some((name) => file.includes(name)));
if (files.length === 0) {
  console.error(`No test file matches ${filters.join(' or ')}`);
  process.exit(1);
}

const failed = filters.length === 0 ? await runChecks() : [];
// Before the tests, so that the last lines are the test runner's own.
if (failed.length > 0) console.log(`\nFailed before the tests: ${failed.join(', ')}`);

const { status } = spawnSync(process.execPath, nodeTestArguments(files), {
  cwd: root,
  stdio: 'inherit',
  timeout: testsTimeout,
});
process.exitCode = status === 0 && failed.length === 0 ? 0 : 1;

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
