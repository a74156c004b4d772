// npm run matrix [-- NAME...]: runs the compiled tests on other runtimes: all of them on the supported versions of Node,
// the portable ones on Bun and Deno. The runtimes come from npm packages into .runtimes/ and stay there.
// A runtime that cannot be fetched is skipped and shown as such; with CI=true that is a failure.

import { join } from 'node:path';
import { build } from './build.mjs';
import { capture } from './processes.mjs';
import { runFiles } from './run-files.mjs';
import { fetchRuntime, runtimes } from './runtimes.mjs';
import { setUp } from './setup.mjs';
import { listTestFiles } from './test-files.mjs';

/** Tests in these folders of test/ use nothing that is special to Node, but for the exceptions below. */
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
  'inspect',
  'workers',
  'console',
  'cli',
  'signals',
  'subprocess',
  'files',
  'executors',
  'database',
  'mysql',
  'postgres',
  'pool',
  'http',
];

/**
 * The exceptions, each with its reason: `{ file: 'net/x.test.ts', runtimes: ['bun'], reason: '...' }`, or a folder with a
 * slash at its end.
 */
const notPortable = [
  {
    file: 'inspect/main/attach.test.ts',
    runtimes: ['bun', 'deno'],
    reason: 'its programs are texts for flags of Node',
  },
  {
    file: 'console/page/',
    runtimes: ['bun', 'deno'],
    reason: 'the page runs in a browser, which is the same one whatever runtime serves it',
  },
  {
    file: 'workers/serve/load-handler.test.ts',
    runtimes: ['bun', 'deno'],
    reason: 'it is about how Node loads a file, and about tsx',
  },
  {
    file: 'cli/main.test.ts',
    runtimes: ['bun', 'deno'],
    reason: 'it lists what Node loads',
  },
  {
    file: 'cli/serve.test.ts',
    runtimes: ['bun', 'deno'],
    reason: 'it quotes how Node prints errors, and what it exits with after a signal',
  },
  {
    file: 'cli/tls-files.test.ts',
    runtimes: ['bun', 'deno'],
    reason: 'it quotes the errors of OpenSSL, and Deno trusts no certificate that signs itself',
  },
  {
    file: 'cli/connect.test.ts',
    runtimes: ['bun', 'deno'],
    reason: 'Bun reads standard input ahead, and Deno ends by the signal that the command handles',
  },
  {
    file: 'cli/hang-up.test.ts',
    runtimes: ['deno'],
    reason: 'Deno ends by the signal that the command handles',
  },
  {
    file: 'cli/serve-json.test.ts',
    runtimes: ['deno'],
    reason: 'Deno ends by the signal that the command handles',
  },
  {
    file: 'cli/serve-systemd.test.ts',
    runtimes: ['deno'],
    reason: 'Deno ends by the signal that the command handles',
  },
  {
    file: 'cli/worker.test.ts',
    runtimes: ['deno'],
    reason: 'Deno ends by the signal that the command handles',
  },
  {
    file: 'workers/serve/start-http.test.ts',
    runtimes: ['deno'],
    reason: 'Deno ends by the signal that the command handles',
  },
  {
    file: 'workers/serve/serve-here.test.ts',
    runtimes: ['deno'],
    reason: 'it needs a channel to a child process that takes handles',
  },
  {
    file: 'workers/deck.test.ts',
    runtimes: ['bun'],
    reason: 'Bun can pass no client on to a worker, and has no deck',
  },
  {
    file: 'cli/top.test.ts',
    runtimes: ['deno'],
    reason: 'not every change of the size of a terminal arrives there',
  },
  {
    file: 'net/limits.test.ts',
    runtimes: ['deno'],
    reason: 'its sockets answer later than the turns after which the fake clock jumps to the connect timeout',
  },
];

/** What `npm test` has seen on one Node holds on all of them: sources, documents, and what runs in a browser. */
const sameEverywhere = [
  'meta/',
  'console/page/',
  'hosts/web.test.ts',
  'hosts/web-streams.test.ts',
  'hosts/web-testing.test.ts',
];

setUp();
if (!(await build())) process.exit(1);

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !runtimes.some((runtime) => runtime.name === name));
if (unknown.length > 0) {
  console.error(`Unknown runtime: ${unknown.join(', ')}. Known: ${runtimes.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

// What takes long runs once, but for workers: which kinds of them there are depends on the runtime.
const files = [...listTestFiles(), ...listTestFiles({ long: true }).filter((file) => isIn(file, 'workers/'))];
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
  const result = await runFiles(name.replace(/\d+$/, ''), program, filesFor(name), { title: name });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  rows.push([name, await versionOf(program), result.passed, result.failed, result.skipped, seconds]);
  if (result.failed > 0) failed = true;
}

printTable([['runtime', 'version', 'passed', 'failed', 'skipped', 'seconds'], ...rows]);
process.exitCode = failed ? 1 : 0;

/** The files that a runtime runs. What it leaves out for a reason of its own is said. */
function filesFor(name) {
  if (name.startsWith('node')) return files.filter((file) => !sameEverywhere.some((folder) => isIn(file, folder)));
  const excluded = notPortable.filter(({ runtimes: names }) => names.includes(name));
  for (const { file, reason } of excluded) console.log(`${name} leaves out ${file}: ${reason}`);
  return files.filter(
    (file) =>
      portableFolders.some((folder) => isIn(file, `${folder}/`)) && !excluded.some((each) => isIn(file, each.file)),
  );
}

/** Whether a compiled test file is that one of test/, or in that folder, with a slash at its end. */
function isIn(file, place) {
  const path = join('build/test', place.replace(/\.ts$/, '.js'));
  return place.endsWith('/') ? file.startsWith(path) : file === path;
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
