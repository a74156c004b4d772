// What the benchmarks run on: runtimes, compilers and interpreters, each with its version, or with why it is missing.

import { existsSync, mkdirSync } from 'node:fs';
import { join, parse } from 'node:path';
import { capture } from '../scripts/processes.mjs';
import { fetchRuntime, installInto, runtimes } from '../scripts/runtimes.mjs';
import { root } from '../scripts/setup.mjs';

/** Git-ignored: compiled peers, and peers from npm. */
export const peersFolder = join(root, 'bench/.peers');
const packages = [
  'effect@4',
  'effection@4',
  'async-mutex@0.5',
  'p-queue@9',
  'piscina@5',
  'tinypool@2',
  'workerpool@10',
  'hono@4',
  '@hono/node-server@2',
];
const currentNode = `node${process.versions.node.split('.')[0]}`;

/** The runtimes maitre is measured on: the current Node, 24, 26, Bun and Deno. */
export const maitreTools = [...new Set([currentNode, 'node24', 'node26']), 'bun', 'deno'].sort();
/** The Node versions among them. */
export const nodeTools = maitreTools.filter((name) => name.startsWith('node'));

/**
 * A tool is `{ label, run(file) }`, where run gives the command that runs a program of the repository, or
 * `{ missing: reason }`. Every tool is looked for once, when it is first wanted.
 */
const found = new Map();
export function findTool(name) {
  if (!found.has(name)) found.set(name, name in finders ? finders[name]() : findRuntime(name));
  return found.get(name);
}

const finders = {
  async cc() {
    const version = await versionOf('cc', ['-dumpfullversion']);
    if (version === undefined) return { missing: 'no C compiler `cc`' };
    return { label: `C, gcc ${version}`, run: (file) => compile(file, (to) => ['cc', '-O2', '-o', to, file]) };
  },
  async go() {
    const version = await versionOf('go', ['version']);
    if (version === undefined) return { missing: 'Go is not installed' };
    return {
      label: `Go ${version}`,
      env: { GOMAXPROCS: '1' },
      run: (file) => compile(file, (to) => ['go', 'build', '-o', to, file]),
    };
  },
  async python() {
    const version = await versionOf(python, ['--version']);
    if (version === undefined) return { missing: 'Python 3 is not installed' };
    return { label: `CPython ${version}`, run: (file) => [python, file] };
  },
  async uvloop() {
    const version = await versionOf(python, ['-c', 'import uvloop; print(uvloop.__version__)']);
    if (version === undefined) return { missing: `uvloop is not installed for ${python}` };
    return { label: `uvloop ${version}`, run: (file) => [python, file, 'uvloop'] };
  },
};

/** Debian's own before any other: python3-uvloop is made for it. */
const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';

async function findRuntime(name) {
  const runtime = runtimes.find((each) => each.name === name);
  const program =
    name === currentNode ? process.execPath : process.platform === 'linux' && runtime && (await fetchRuntime(runtime));
  if (!program) return { missing: `${runtime?.packageName ?? name} cannot be fetched` };
  const version = await versionOf(program, ['--version']);
  if (version === undefined) return { missing: `${program} does not run` };
  const [label, args] =
    name === 'bun' ? ['Bun', []] : name === 'deno' ? ['Deno', ['run', '-A', '--no-lock', '--no-check']] : ['Node', []];
  return { label: `${label} ${version}`, program, run: (file) => [program, ...args, file] };
}

/** Compiles a peer, once per run; gives the command that runs it. */
async function compile(file, command) {
  const target = join(peersFolder, parse(file).name);
  mkdirSync(peersFolder, { recursive: true });
  if (!compiled.has(target)) compiled.set(target, capture(...split(command(target))));
  const { code, output } = await compiled.get(target);
  if (code !== 0) throw new Error(output.trim());
  return [target];
}
const compiled = new Map();

/** Installs the peers from npm, all at once; undefined, or why they are missing. */
let installing;
export function installPeers() {
  installing ??= (async () => {
    if (packages.every((name) => existsSync(join(peersFolder, 'node_modules', name.slice(0, name.lastIndexOf('@'))))))
      return undefined;
    console.log(`Installing the peers ${packages.join(', ')} ...`);
    const { code, output } = await installInto(peersFolder, packages);
    return code === 0 ? undefined : `cannot be installed: ${output.trim().split('\n')[0]}`;
  })();
  return installing;
}

/** The load generator's command: the C program, else the one for Node, which may itself be the limit. */
export async function loadCommand() {
  const cc = await findTool('cc');
  return cc.missing === undefined ? await cc.run('bench/load.c') : [process.execPath, 'bench/load.mjs'];
}

async function versionOf(program, args) {
  const { code, output } = await capture(program, args);
  return code === 0 ? (/\d+(\.\d+)+/.exec(output)?.[0] ?? output.trim()) : undefined;
}

function split([command, ...args]) {
  return [command, args];
}
