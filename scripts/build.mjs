// Compiles src/ to dist/, and test/ and bench/ to build/, with `tsc -b`. Incremental: about 0.2 s when nothing changed.
// The declarations in dist/ are those that ship, without @internal members; build/declarations/ has them whole, for tests.
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
    outputs: [
      { from: 'src', to: 'dist', suffixes: ['.js', '.js.map'] },
      { from: 'src', to: 'build/declarations', suffixes: ['.d.ts'] },
    ],
  },
  shipped: {
    config: 'scripts/tsconfig.shipped.json',
    buildInfo: 'build/shipped.tsbuildinfo',
    outputs: [{ from: 'src', to: 'dist', suffixes: ['.d.ts'] }],
  },
  test: {
    config: 'test/tsconfig.json',
    buildInfo: 'build/test.tsbuildinfo',
    outputs: [
      { from: 'test', to: 'build/test', suffixes: ['.js', '.js.map'] },
      { from: 'bench', to: 'build/bench', suffixes: ['.js', '.js.map'] },
    ],
  },
};

/** Builds one project and what it refers to. Returns whether it compiled; the compiler's words go to the terminal. */
export function build(name = 'test') {
  const selected = (name === 'test' ? ['src', 'shipped', 'test'] : ['src', 'shipped']).map((each) => projects[each]);
  reconcile(selected);
  const configs = selected.map(({ config }) => config);
  const { status } = spawnSync(process.execPath, [toolPath('tsc', 'typescript'), '-b', ...configs], {
    cwd: root,
    stdio: 'inherit',
  });
  const program = join(root, 'dist/cli/main.js');
  if (existsSync(program)) chmodSync(program, 0o755);
  return status === 0;
}

/**
 * Makes the projects' outputs fit what `tsc -b` believes. It trusts its .tsbuildinfo and looks at neither side of the
 * outputs: a deleted one stays missing (so the .tsbuildinfo has to go too), and one whose source is gone stays and
 * would still run as a test.
 */
function reconcile(selected) {
  // Two projects may write to one folder, so what is surplus there shows when all have said what they expect.
  const expected = new Map();
  for (const { outputs, buildInfo } of selected) {
    let missing = false;
    for (const { from, to, suffixes } of outputs) {
      const files = listFiles(from)
        .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
        .flatMap((file) => suffixes.map((suffix) => file.slice(0, -'.ts'.length) + suffix));
      for (const file of files) if (!existsSync(join(root, to, file))) missing = true;
      expected.set(to, new Set([...(expected.get(to) ?? []), ...files]));
    }
    // Also on every new source file, which costs one full compile of a project: about a second.
    if (missing) rmSync(join(root, buildInfo), { force: true });
  }
  for (const [folder, files] of expected) {
    for (const file of listFiles(folder)) if (!files.has(file)) rmSync(join(root, folder, file));
  }
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
