// Set-up of a working copy: installs the packages of package-lock.json when they are missing or not the ones it lists.
// Built-in modules only, because on a fresh clone there is nothing else. Run by `npm start`, `npm test` and the like.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root folder. Every script works from here, wherever it was called. */
export const root = fileURLToPath(new URL('..', import.meta.url));

const minimumNode = [20, 19];

/**
 * `npm ci` installs exactly what package-lock.json lists and changes no file. It needs the file to be whole:
 * test/meta/install.test.ts holds that.
 */
const installArguments = [
  'ci',
  '--include=dev', // also where NODE_ENV says production
  '--no-audit',
  '--no-fund',
  '--loglevel=error', // also under `npm --silent`
];

/** Checks the Node version and installs what is missing; ends the process with one clear line when it cannot. */
export function setUp() {
  process.chdir(root);
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < minimumNode[0] || (major === minimumNode[0] && minor < minimumNode[1])) {
    console.error(`maitre needs Node.js ${minimumNode.join('.')} or later, this is ${process.versions.node}`);
    process.exit(1);
  }
  const wanted = readPackages('package-lock.json');
  const installed = readPackages('node_modules/.package-lock.json');
  if (installed && (!wanted || isCurrent(wanted, installed))) return;

  console.log('Installing the development tools (npm ci) ...');
  const { status, error } = spawnSync('npm', installArguments, {
    stdio: 'inherit',
    shell: process.platform === 'win32', // npm is a .cmd file there
  });
  if (status === 0) return;
  console.error(`Cannot install: npm ${error ? error.message : `ended with ${status}`}`);
  process.exit(1);
}

/** The JavaScript file behind an installed command, to be run with `process.execPath`. */
export function toolPath(command, packageName = command) {
  const folder = join(root, 'node_modules', packageName);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return join(folder, typeof bin === 'string' ? bin : bin[command]);
}

/**
 * npm keeps a copy of what it installed in node_modules. Versions are compared, not dates: a clone or a copy of the
 * working folder sets dates at will. Optional packages may be absent, they belong to other platforms.
 */
function isCurrent(wanted, installed) {
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || installed[path]?.version === version,
  );
}

function readPackages(lockFile) {
  try {
    return JSON.parse(readFileSync(lockFile, 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
