// What npm makes of the repository: `npm ci` takes the lock file on every platform, and whoever installs the package
// finds in it all that it refers to.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, test } from 'node:test';
import { compile } from './compile.js';
import { fencedBlocks } from './markdown.js';
import { readText, root } from './source-files.js';

interface Package {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

describe('package-lock.json', () => {
  const { packages } = JSON.parse(readText('package-lock.json')) as { packages: Record<string, Package> }; // our own file

  // `npm ci` fails on a lock file that lacks one, and npm leaves out what could not be had when it wrote the file.
  test('lists every optional dependency of every package, whatever platform it is for', () => {
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => findPackage(packages, path, name) === undefined),
    );
    assert.deepEqual(missing, []);
  });

  test('has a checksum for every package, and no address to download it from', () => {
    const others = Object.entries(packages).filter(([path]) => path !== '');
    assert.deepEqual(namesOf(others.filter(([, { integrity }]) => integrity === undefined)), []);
    assert.deepEqual(namesOf(others.filter(([, { resolved }]) => resolved !== undefined)), []);
  });
});

describe('the package', () => {
  const manifest = JSON.parse(readText('package.json')) as Record<string, unknown>; // our own file
  const files = packedFiles();

  test('holds the sources that its source maps point to', () => {
    const maps = [...files].filter((file) => file.endsWith('.map'));
    assert.ok(maps.length > 100, `${maps.length} source maps`);
    const lost = maps.flatMap((file) => {
      const { sources } = JSON.parse(readText(file)) as { sources: string[] }; // the compiler wrote it
      return sources
        .map((source) => posix.join(posix.dirname(file), source))
        .filter((source) => !files.has(source))
        .map((source) => `${file}: ${source}`);
    });
    assert.deepEqual(lost, []);
  });

  test('holds every map that its JavaScript names', () => {
    const lost = [...files].filter((file) => {
      const [, name] = /^\/\/# sourceMappingURL=(.+)$/m.exec(file.endsWith('.js') ? readText(file) : '') ?? [];
      return name !== undefined && !files.has(posix.join(posix.dirname(file), name));
    });
    assert.deepEqual(lost, []);
  });

  test('asks for the types of Node, which its declarations use, and for what one door needs; it does without them', () => {
    const peers = {
      '@types/node': '>=20.19',
      bullmq: '>=6.7',
      ioredis: '>=6',
      mysql2: '>=3.20',
      pg: '>=8.23',
      'unix-dgram': '>=2.0.6',
      ws: '>=8.18',
    };
    assert.deepEqual(manifest['peerDependencies'], peers);
    const optional = Object.keys(peers).map((name) => [name, { optional: true }]);
    assert.deepEqual(manifest['peerDependenciesMeta'], Object.fromEntries(optional));
    assert.equal(manifest['dependencies'], undefined);
  });

  test('compiles in a project with the tsconfig.json of README, also what uses `using`', () => {
    const readme = fencedBlocks(readText('README.md'));
    const config = readme.find(({ info }) => info === 'json')?.code ?? '';
    const server = readme.find(({ info, code }) => info === 'ts' && code.includes('await using server'))?.code ?? '';
    const folder = join(root, 'build/install'); // inside the package, where its name means itself
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'tsconfig.json'), config);
    writeFileSync(join(folder, 'server.ts'), server);
    assert.equal(compile('build/install'), '');
    assert.match(readText('build/install/server.js'), /__addDisposableResource/, 'Node 20 cannot parse it');
  });

  test('names no host as long as it has none: CONTRIBUTING.md says so', () => {
    for (const field of ['repository', 'homepage', 'bugs']) assert.equal(manifest[field], undefined, field);
    assert.ok(readText('CONTRIBUTING.md').includes('`repository`, `homepage` and `bugs`'));
  });
});

describe('the reader of lock files', () => {
  test('finds a package where Node would: beside its dependent first, then in the folders above', () => {
    const packages = { 'node_modules/a': {}, 'node_modules/b': {}, 'node_modules/a/node_modules/c': {} };
    assert.equal(findPackage(packages, 'node_modules/a', 'c'), 'node_modules/a/node_modules/c');
    assert.equal(findPackage(packages, 'node_modules/a', 'b'), 'node_modules/b');
    assert.equal(findPackage(packages, '', 'b'), 'node_modules/b');
    assert.equal(findPackage(packages, 'node_modules/b', 'c'), undefined);
  });
});

/** The path of the package that `name` means in the package at `path`. */
function findPackage(packages: Readonly<Record<string, unknown>>, path: string, name: string): string | undefined {
  for (let folder = path; ; folder = folder.replace(/(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/, '')) {
    const candidate = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (candidate in packages) return candidate;
    if (folder === '') return undefined;
  }
}

function namesOf(entries: readonly (readonly [string, unknown])[]): string[] {
  return entries.map(([name]) => name);
}

/** What `npm pack` would put into the package, as it is built. */
function packedFiles(): ReadonlySet<string> {
  const { stdout, stderr, status } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32', // npm is a .cmd file there
    timeout: 30_000,
  });
  assert.equal(status, 0, stderr);
  // A list up to npm 11, and an object by name from 12 on.
  const [packed] = Object.values(JSON.parse(stdout) as Record<string, { files: { path: string }[] }>);
  return new Set(packed?.files.map(({ path }) => path));
}
