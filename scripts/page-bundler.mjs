// What the two bundles of src/console/page have in common: how Vite is called, and that nothing is done while none of the
// files that went into the last bundle changed. A new file goes into it only when a known one imports it.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './setup.mjs';

/** Where the bundles are. */
export const pageFolder = join(root, 'dist/console/page');
/** The folder of the page's sources. */
export const pageSource = join(root, 'src/console/page');

/**
 * Calls `bundle`, unless all outputs are there and no input of the last bundle changed. `bundle` returns its inputs, which
 * are noted in the file `record`.
 */
export async function unlessUpToDate(record, outputs, bundle) {
  const last = readRecord(record);
  if (last !== undefined && outputs.every((file) => existsSync(file)) && last.hash === hashOf(last.inputs)) return;
  const inputs = await bundle();
  mkdirSync(dirname(record), { recursive: true });
  writeFileSync(record, JSON.stringify({ hash: hashOf(inputs), inputs }));
}

/**
 * Runs Vite on the page.
 * @param script the address of the script that calls it, which is an input too, as are `others`
 * @returns what Vite returns, and the files that went into the bundle
 */
export async function bundlePage(script, { build: settings, others = [], ...options }) {
  const { build } = await import('vite');
  const inputs = new Set([fileURLToPath(import.meta.url), fileURLToPath(script)]);
  for (const file of others) inputs.add(file);
  const result = await build({
    root: pageSource,
    base: './',
    configFile: false,
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      target: 'es2023',
      // A polyfill would fetch by itself.
      modulePreload: false,
      ...settings,
    },
    plugins: [
      {
        name: 'inputs',
        buildEnd() {
          for (const id of this.getModuleIds()) {
            const file = id.replace(/\?.*$/, '');
            if (!id.startsWith('\0') && existsSync(file)) inputs.add(file);
          }
        },
      },
    ],
    ...options,
  });
  return { result, inputs: [...inputs].sort() };
}

function readRecord(record) {
  try {
    return JSON.parse(readFileSync(record, 'utf8'));
  } catch {
    return undefined; // there is none yet
  }
}

function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(existsSync(file) ? readFileSync(file) : '');
  return hash.digest('hex');
}
