// Compiles src/ to dist/, and test/ and bench/ to build/, with `tsc -b`. Incremental: about 0.2 s when nothing changed.
// The declarations in dist/ are those that ship, without @internal members; build/declarations/ has them whole, for tests.
// The console's page is compiled to build/page/ for the checks and for tests, and bundled to dist/ (build-page.mjs).
// What workers load is bundled to dist/bundle/ (build-bundle.mjs).
// `node scripts/build.mjs` builds everything; scripts that need less import `build`.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildBundle, bundleFolder } from './build-bundle.mjs';
import { buildPage } from './build-page.mjs';
import { buildRecording } from './build-recording.mjs';
import { pageFolder } from './page-bundler.mjs';
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
  page: {
    config: 'src/console/page/tsconfig.json',
    buildInfo: 'build/page.tsbuildinfo',
    outputs: [{ from: 'src/console/page', to: 'build/page/console/page', suffixes: ['.js', '.js.map', '.d.ts'] }],
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
export async function build(name = 'test') {
  const names = name === 'test' ? ['src', 'shipped', 'page', 'test'] : ['src', 'shipped', 'page'];
  reconcile(names.map((each) => projects[each]));
  // Tests read the declarations of the page, and cannot refer to its project: one that others refer to must list every
  // file of the rooms that it imports.
  const compiled = compile(names.filter((each) => each !== 'test')) && (name !== 'test' || compile(['test']));
  const program = join(root, 'dist/cli/main.js');
  if (existsSync(program)) chmodSync(program, 0o755);
  if (!compiled) return false;
  await buildBundle();
  await buildPage();
  await buildRecording();
  return true;
}

function compile(names) {
  const configs = names.map((each) => projects[each].config);
  const options = { cwd: root, stdio: 'inherit' };
  return spawnSync(process.execPath, [toolPath('tsc', 'typescript'), '-b', ...configs], options).status === 0;
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
        .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.d.ts'))
        .filter((file) => from !== 'src' || !file.startsWith('console/page/'))
        .flatMap((file) => suffixes.map((suffix) => file.replace(/\.tsx?$/, '') + suffix));
      for (const file of files) if (!existsSync(join(root, to, file))) missing = true;
      expected.set(to, new Set([...(expected.get(to) ?? []), ...files]));
    }
    // Also on every new source file, which costs one full compile of a project: about a second.
    if (missing) rmSync(join(root, buildInfo), { force: true });
  }
  for (const [folder, files] of expected) {
    for (const file of listFiles(folder)) {
      const path = join(root, folder, file);
      const isBundled = [bundleFolder, pageFolder].some((bundle) => path.startsWith(join(bundle, '/')));
      if (!files.has(file) && !isBundled) rmSync(path);
    }
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
  process.exitCode = (await build()) ? 0 : 1;
}
