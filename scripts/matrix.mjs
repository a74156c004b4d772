// npm run matrix [-- NAME...]: runs the compiled tests on other runtimes: all of them on the supported versions of Node,
// the portable ones on Bun and Deno. The runtimes come from npm packages into .runtimes/ and stay there.
// A runtime that cannot be fetched is skipped and shown as such; with CI=true that is a failure.

import { delimiter, dirname, join } from 'node:path';
import { build } from './build.mjs';
import { capture, mapAtMost } from './processes.mjs';
import { fetchRuntime, runtimes } from './runtimes.mjs';
import { setUp } from './setup.mjs';
import { fileTimeout, listTestFiles, nodeTestArguments } from './test-files.mjs';

const testRunners = {
  node20: runOnNode,
  node22: runOnNode,
  node24: runOnNode,
  node26: runOnNode,
  bun: runOnBun,
  deno: runOnDeno,
};

/** Tests in these folders of test/ use nothing that is special to Node. */
const portableFolders = [
  'base',
  'core',
  'sync',
  'queues',
  'time',
  'streams',
  'adapters',
  'testing',
  'net',
  'simulation',
  'introspect',
  'signals',
  'subprocess',
  'files',
  'executors',
];

/** The exceptions, each with its reason: `{ file: 'net/x.test.ts', runtimes: ['bun'], reason: '...' }`. */
const notPortable = [
  {
    file: 'executors/web/worker-executor.test.ts',
    runtimes: ['bun', 'deno'],
    reason: 'it drives a browser, which is the same one whatever runtime drives it',
  },
  {
    file: 'net/limits.test.ts',
    runtimes: ['deno'],
    reason: 'its sockets answer later than the turns after which the fake clock jumps to the connect timeout',
  },
];

setUp();
if (!build()) process.exit(1);

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !runtimes.some((runtime) => runtime.name === name));
if (unknown.length > 0) {
  console.error(`Unknown runtime: ${unknown.join(', ')}. Known: ${runtimes.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

const files = listTestFiles();
const rows = [];
let failed = false;
for (const runtime of runtimes) {
  const { name } = runtime;
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  if (wanted.length === 0 && name === `node${process.versions.node.split('.')[0]}`) {
    rows.push([name, process.versions.node, 'covered by npm test']);
    continue;
  }
  const program = await fetchRuntime(runtime);
  if (program === undefined) {
    rows.push([name, `${runtime.packageName}@${runtime.range}`, 'SKIPPED: cannot be fetched']);
    if (process.env.CI === 'true') failed = true;
    continue;
  }
  const start = performance.now();
  const result = await testRunners[name](program, name);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  rows.push([name, await versionOf(program), result.passed, result.failed, result.skipped, seconds]);
  if (result.failed > 0) failed = true;
}

printTable([['runtime', 'version', 'passed', 'failed', 'skipped', 'seconds'], ...rows]);
process.exitCode = failed ? 1 : 0;

/** Node runs all files in one call and counts them itself. */
async function runOnNode(program, name) {
  const { code, output } = await capture(program, nodeTestArguments(files), {
    timeout: 600_000,
    // Tests that start `node` get this one.
    env: { PATH: `${dirname(program)}${delimiter}${process.env.PATH}` },
  });
  const count = (word) => Number(new RegExp(`^ℹ ${word} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  const result = {
    passed: count('pass'),
    failed: count('fail') + count('cancelled'),
    skipped: count('skipped') + count('todo'),
  };
  if (code !== 0) {
    result.failed ||= 1;
    const failures = output.indexOf('✖ failing tests:');
    console.log(`\n${name}:\n${failures < 0 ? output : output.slice(failures)}`);
  }
  return result;
}

/** `bun test` runs node:test itself. Its limit is per test; a hung file is killed. */
function runOnBun(program, name) {
  return runFiles(name, program, ['test', `--timeout=${fileTimeout - 10_000}`], {
    passed: /^ *(\d+) pass$/m,
    failed: /^ *(\d+) fail$/m,
    skipped: /^ *(\d+) (?:skip|todo)$/gm,
  });
}

/**
 * `deno test` runs node:test itself, but takes no notice of errors thrown in `after` and `afterEach` hooks. --no-check:
 * the compiler has seen the sources. Subtests count as steps of their test and not by themselves.
 */
function runOnDeno(program, name) {
  return runFiles(name, program, ['test', '--allow-all', '--no-check', '--no-lock'], {
    passed: /\| (\d+) passed/,
    failed: /\| (\d+) failed/,
    skipped: /\| (\d+) ignored/g,
  });
}

/** Runs each portable file in a process of its own, as `node --test` does, two at once, and adds up what they print. */
async function runFiles(name, program, args, patterns) {
  const excluded = notPortable.filter(({ runtimes: names }) => names.includes(name));
  for (const { file, reason } of excluded) console.log(`${name} leaves out ${file}: ${reason}`);
  const portable = files.filter(
    (file) =>
      portableFolders.some((folder) => file.startsWith(join('build/test', folder, '/'))) &&
      !excluded.some((each) => file === join('build/test', each.file.replace(/\.ts$/, '.js'))),
  );

  const total = { passed: 0, failed: 0, skipped: 0 };
  await mapAtMost(2, portable, async (file) => {
    const { code, output } = await capture(program, [...args, `./${file}`], {
      timeout: fileTimeout,
      env: { NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' },
    });
    const failures = Number(patterns.failed.exec(output)?.[1] ?? 0);
    total.passed += Number(patterns.passed.exec(output)?.[1] ?? 0);
    // A file that cannot be loaded, or fails between its tests, counts as one.
    total.failed += code === 0 ? failures : failures || 1;
    for (const match of output.matchAll(patterns.skipped)) total.skipped += Number(match[1]);
    if (code !== 0) console.log(`\n${name}: ${file}\n${output}`);
  });
  return total;
}

async function versionOf(program) {
  const { output } = await capture(program, ['--version']);
  return /\d+\.\d+\.\d+/.exec(output)?.[0] ?? '?';
}

/** Prints rows in columns: names to the left, numbers to the right. A row of three ends in a remark of any length. */
function printTable(table) {
  const isRemark = (row, column) => row.length === 3 && column === 2;
  const widths = table[0].map((_, column) =>
    Math.max(...table.map((row) => (isRemark(row, column) ? 0 : String(row[column] ?? '').length))),
  );
  for (const row of table) {
    const cells = row.map((cell, column) =>
      column < 2 ? String(cell).padEnd(widths[column]) : String(cell).padStart(widths[column]),
    );
    console.log(cells.join('  '));
  }
}
