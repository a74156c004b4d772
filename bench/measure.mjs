// One measurement: starts a program on one core and, for a server, the load generator on another, and reads what they
// print. Everything is bounded: the load generator by its window, every program by a limit of CPU time and of real time.

import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root } from '../scripts/setup.mjs';
import { findTool, loadCommand, peersFolder } from './tools.mjs';

const cpuLimit = 300; // seconds of CPU time
const startLimit = 20_000; // ms until a server must listen
const programLimit = 120_000; // ms
const children = new Set();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** The core of the measured program and that of the load generator; undefined where nothing can be pinned. */
const [measuredCore, loadCore] = (() => {
  if (spawnSync('sh', ['-c', 'command -v taskset']).status !== 0) return [];
  const allowed = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  const cores = allowed.split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
  return cores.length < 2 ? [] : cores;
})();
export const pinned = measuredCore !== undefined;

/** Measures one contender of a benchmark once: an object of numbers. */
export async function measure(benchmark, contender, { warm, window }) {
  const tool = await findTool(contender.tool);
  const file = contender.fromNpm === true ? besidePackages(contender.file) : contender.file;
  const command = [...(await tool.run(file)), ...(contender.args ?? [])];
  if (benchmark.load === undefined) {
    const { line } = start([...command, String(window)], benchmark.cores === 'all' ? undefined : measuredCore, {
      ...tool.env,
      ...contender.env,
    });
    return JSON.parse(await line(/^(\{.*\})$/m, programLimit));
  }
  const isPinned = benchmark.cores !== 'all'; // several processes or threads need all cores
  const server = start(command, isPinned ? measuredCore : undefined, tool.env);
  try {
    const port = await server.line(/^PORT (\d+)$/m, startLimit);
    const { mode, clients, size = 1, lineLength = 0 } = benchmark.load;
    const numbers = [port, server.child.pid, clients, size, lineLength, warm, window].map(String);
    const load = start([...(await loadCommand()), mode, ...numbers], isPinned ? loadCore : undefined);
    const result = JSON.parse(await load.line(/^(\{.*\})$/m, warm + window + 60_000));
    return mode === 'hold'
      ? { kib: (result.after - result.before) / result.clients }
      : {
          user: (result.user / result.requests) * 1e6,
          system: (result.system / result.requests) * 1e6,
          perSecond: result.requests / result.seconds,
        };
  } finally {
    server.child.kill('SIGKILL');
  }
}

/** A copy where the packages are that it imports. */
function besidePackages(file) {
  const copy = join(peersFolder, basename(file));
  copyFileSync(join(root, file), copy);
  return copy;
}

/** Starts a program pinned to a core; `line` waits for what it prints. */
function start(command, core, env = {}) {
  // exec twice, so that the process id is the program's own.
  const pin = core === undefined ? [] : ['taskset', '-c', String(core)];
  const child = spawn('sh', ['-c', `ulimit -t ${cpuLimit}; exec "$@"`, 'sh', ...pin, ...command], {
    cwd: root,
    env: { ...process.env, ...env, NODE_ENV: 'production', DENO_NO_UPDATE_CHECK: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
  const ended = new Promise((resolve) => child.on('close', resolve));
  void ended.then(() => children.delete(child));
  const line = (pattern, limit) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(output);
        if (match !== null) settle(resolve, match[1]);
        return match !== null;
      };
      const fail = (why) => settle(reject, new Error(`${command.join(' ')}: ${why}\n${errors.trim()}`));
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        fail(`nothing after ${limit / 1000} s`);
      }, limit);
      const settle = (fn, value) => {
        clearTimeout(timer);
        child.stdout.off('data', look);
        fn(value);
      };
      child.stdout.on('data', look);
      void ended.then((code) => look() || fail(`ended with ${code}`));
      look();
    });
  return { child, line };
}
