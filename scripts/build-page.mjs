// Bundles the console's page, src/console/page, with Vite: static files that the inspector serves.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { bundlePage, pageFolder, pageSource, unlessUpToDate } from './page-bundler.mjs';
import { root } from './setup.mjs';

const first = ['index.html', 'page.js', 'page.css', 'icon.svg'];
/** The library, for side by side. */
const later = ['dinner.js'];
/** Bytes of the files that every page loads, as they are on disk, and of those that some load later. */
const most = { first: 256_000, later: 160_000 };

/** Builds the bundle, unless it is up to date. Throws if it has grown beyond its bound. */
export async function buildPage() {
  const outputs = [...first, ...later].map((file) => join(pageFolder, file));
  await unlessUpToDate(join(root, 'build/page.json'), outputs, bundle);
}

/** Runs Vite, and returns the files that went into the bundle. */
async function bundle() {
  const { inputs } = await bundlePage(import.meta.url, {
    others: [join(pageSource, 'public/icon.svg')],
    build: {
      outDir: pageFolder,
      emptyOutDir: true,
      reportCompressedSize: false,
      rolldownOptions: {
        output: {
          entryFileNames: 'page.js',
          assetFileNames: 'page[extname]',
          chunkFileNames: 'dinner.js',
        },
      },
    },
  });
  for (const [part, files] of Object.entries({ first, later })) {
    const size = files.reduce((sum, file) => sum + statSync(join(pageFolder, file)).size, 0);
    const bound = most[part];
    if (size > bound) throw new Error(`Cannot build the page: ${files} has ${size} bytes, at most ${bound} are meant`);
  }
  return inputs;
}
