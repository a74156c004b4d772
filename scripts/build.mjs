// Compiles src/ to dist/, and test/ and bench/ to build/, with `tsc -b`. Incremental: about 0.2 s when nothing changed.
// `node scripts/build.mjs` builds everything; scripts that need less import `build`.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, setUp, toolPath } from './setup.mjs';

const projects = {
  src: {
    config: 'tsconfig.json',
    buildInfo: 'build/src.tsbuildinfo',
    trees: { src: 'dist' },
    suffixes: ['.js', '.js.map', '.d.ts'],
  },
  test: {
    config: 'test/tsconfig.json',
    buildInfo: 'build/test.tsbuildinfo',
    trees: { test: 'build/test', bench: 'build/bench' },
    suffixes: ['.js', '.js.map'],
  },
};

/** Builds one project and what it refers to. Returns whether it compiled; the compiler's words go to the terminal. */
export function build(name = 'test') {
  const names = name === 'test' ? ['src', 'test'] : ['src'];
  for (const each of names) reconcile(projects[each]);
  const { status } = spawnSync(process.execPath, [toolPath('tsc', 'typescript'), '-b', projects[name].config], {
    cwd: root,
    stdio: 'inherit',
  });
  const program = join(root, 'dist/cli/main.js');
  if (existsSync(program)) chmodSync(program, 0o755);
  return status === 0;
}

/**
 * Makes a project's outputs fit what `tsc -b` believes. It trusts its .tsbuildinfo and looks at neither side of the
 * outputs: a deleted one stays missing (so the .tsbuildinfo has to go too), and one whose source is gone stays and
 * would still run as a test.
 */
function reconcile({ trees, suffixes, buildInfo }) {
  let missing = false;
  for (const [from, to] of Object.entries(trees)) {
    const expected = new Set(
      listFiles(from)
        .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
        .flatMap((file) => suffixes.map((suffix) => file.slice(0, -'.ts'.length) + suffix)),
    );
    const present = new Set(listFiles(to));
    for (const file of present) if (!expected.has(file)) rmSync(join(root, to, file));
    for (const file of expected) if (!present.has(file)) missing = true;
  }
  // Also on every new source file, which costs one full compile of a project: about a second.
  if (missing) rmSync(join(root, buildInfo), { force: true });
}

/** The files below a folder, as paths relative to it; none if the folder is missing. */
function listFiles(folder) {
  const base = join(root, folder);
  if (!existsSync(base)) return [];
  return readdirSync(base, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(base.length + 1));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setUp();
  process.exitCode = build() ? 0 : 1;
}
