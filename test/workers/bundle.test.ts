// The bundle, in real workers: what they load of maitre, and that FILE has the same.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { openConnection } from 'maitre';
import { serveWorkers } from 'maitre/workers';
import { findBundle } from '#src/workers/bundle.js';
import { test } from '../support/test.js';
import { bothTest } from './support/isolations.js';

const root = new URL('../../../', import.meta.url);
const canLead = 'registerHooks' in module;
const skip = canLead ? false : 'this runtime cannot lead imports to the bundle';

/** The doors of the package on this runtime: paths from its root. */
function doors(): string[] {
  const { exports } = createRequire(import.meta.url)(fileURLToPath(new URL('package.json', root))) as {
    exports: Record<string, string | { node?: string; default: string }>;
  };
  return Object.values(exports).flatMap((door) => (typeof door === 'string' ? [] : [door.node ?? door.default]));
}

test(
  'the bundle has every door of the package',
  () => {
    const bundle = findBundle();
    assert.ok(bundle !== undefined);
    const missing = doors().filter((door) => !existsSync(new URL(door.replace('./dist/', ''), bundle)));
    assert.deepEqual(missing, []);
  },
  { skip },
);

bothTest('a worker and its file share one maitre, however the file imports it', async (isolate) => {
  const folder = mkdtempSync(join(tmpdir(), 'maitre-bundle-'));
  try {
    const file = join(folder, 'app.mjs');
    const door = (name: string): string => JSON.stringify(new URL(`dist/${name}.node.js`, root).href);
    // By its path, and by its name from within the package.
    const named = pathToFileURL(fileURLToPath(new URL('build/test/workers/fixtures/named.js', root))).href;
    writeFileSync(
      file,
      `import { sleep } from ${door('index')};
import { isWorker, worker } from ${door('workers')};
import * as named from ${JSON.stringify(named)};
export default async (reader, writer) => {
  let from = '';
  Error.prepareStackTrace = (_, sites) => sites.map((site) => site.getFileName()).join(' '); // not by source maps
  try {
    await sleep('soon');
  } catch ({ stack }) {
    from = stack.includes('/dist/bundle/') ? 'bundle' : 'files';
  }
  writer.write([isWorker, worker.id, named.sleep === sleep, named.worker === worker, from].join(' ') + '\\n');
};
`,
    );
    await using supervisor = await serveWorkers(file, { host: '127.0.0.1', workers: 1, isolate });
    await using connection = await openConnection({ host: '127.0.0.1', port: supervisor.port });
    const said = String(await connection.reader.readLine()).trimEnd();
    assert.equal(said, `true 1 true true ${canLead ? 'bundle' : 'files'}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
