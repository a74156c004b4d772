// Bundles what workers load: their programs and the doors of the package, from dist/ into dist/bundle/. A worker starts in
// half of the CPU time, as Node resolves ten imports instead of a thousand. See src/workers/bundle.ts.

import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unlessUpToDate } from './page-bundler.mjs';
import { root } from './setup.mjs';

const from = join(root, 'dist');
/** Where the bundle is. */
export const bundleFolder = join(from, 'bundle');
const programs = ['workers/thread-main.js', 'workers/process-main.js'];

/** Builds the bundle, unless it is up to date. */
export async function buildBundle() {
  const doors = readdirSync(from).filter((file) => /\.node\.js$|^lowlevel\.js$/.test(file));
  const outputs = [...doors, ...programs.map((file) => file.replace(/.*\//, ''))];
  await unlessUpToDate(
    join(root, 'build/bundle.json'),
    outputs.map((file) => join(bundleFolder, file)),
    () => bundle([...doors, ...programs]),
  );
}

/** Runs esbuild, and returns the files that went into the bundle. */
async function bundle(files) {
  const { build } = await import('esbuild'); // not above: scripts are loaded before packages are installed
  rmSync(bundleFolder, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: files.map((file) => join(from, file)),
    outdir: bundleFolder,
    entryNames: '[name]',
    chunkNames: 'chunk-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: true,
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
    define: { 'import.meta.url': 'ownAddress' },
    banner: { js: 'const bundleAddress = import.meta.url;' },
    plugins: [{ name: 'own-address', setup: keepAddresses }],
  });
  return [fileURLToPath(import.meta.url), ...Object.keys(metafile.inputs).map((file) => join(root, file))];
}

/** A file that looks for another one beside it, or for itself, finds what it finds outside of the bundle. */
function keepAddresses({ onLoad }) {
  onLoad({ filter: /\.js$/ }, ({ path }) => {
    const text = readFileSync(path, 'utf8');
    if (!/import\.meta\.url/.test(text)) return undefined;
    const place = JSON.stringify(relative(bundleFolder, path).replaceAll('\\', '/'));
    return { contents: `const ownAddress = /* @__PURE__ */ (() => new URL(${place}, bundleAddress).href)();${text}` };
  });
}
