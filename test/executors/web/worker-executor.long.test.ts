// Workers of a page in Chromium: bundled as a web application does, with and without the headers for shared memory, and
// as plain modules. What the door costs to load is held too.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { WorkerExecutor } from 'maitre/executors';
import { bundle, gzippedSize, roomsOf } from '../../hosts/bundle.js';
import { readText, root } from '../../meta/source-files.js';
import { noBrowser, serveSite, withPage } from '../../support/browser.js';
import { claims } from './fixtures/page.js';

/** gzip -9 of the minified bundle, bytes. Measured; it may fall, and rises only on purpose. */
const wholeDoorLimit = 22_990;
const workerLimit = 13_400;

const wholeDoor = "export * from 'maitre/executors';";
const fixtures = './build/test/executors/web/fixtures';
const worker = `
  import { serveModules } from 'maitre/executors';
  import * as heavy from '${fixtures}/heavy.js';
  import * as jobs from '#src/executors/check/jobs.js';
  serveModules({ heavy, jobs });
`;

describe('maitre/executors in browsers', () => {
  test('its bundle has nothing of Node in it, and nothing of the rooms that need Node', async () => {
    const { code, files } = await bundle(wholeDoor);
    assert.doesNotMatch(code, /node:|\bprocess\b|\brequire\b|async_hooks/);
    assert.deepEqual(roomsOf(files), ['base', 'core', 'executors', 'hosts']);
    assert.ok(!files.some((file) => /\/node\//.test(file)));
  });

  test(`the whole door is at most ${wholeDoorLimit} bytes, and the file of a worker ${workerLimit}`, async () => {
    for (const [code, limit] of [
      [wholeDoor, wholeDoorLimit],
      ["import { serveModules } from 'maitre/executors'; serveModules({});", workerLimit],
    ] as const) {
      const size = await gzippedSize(code);
      assert.ok(size <= limit, `${size} bytes`);
      assert.ok(size > limit - 500, `lower the limit to what is measured: ${size}`);
    }
  });

  for (const kind of ['isolated', 'others'] as const) {
    const isolated = kind === 'isolated';
    test(
      `workers of a page that ${isolated ? 'may' : 'may not'} share memory keep every promise of an executor`,
      { skip: noBrowser, timeout: 60_000 },
      async (t) => {
        const files = await filesOfSite();
        await using site = await serveSite((path) => files(path), { isolated });
        await withPage(async (page, errors) => {
          await page.goto(site.origin);
          for (const name of Object.keys(claims[kind])) {
            await t.test(name, () =>
              page.evaluate<undefined>(
                `import('/page.js').then(({ claims }) => claims.${kind}[${JSON.stringify(name)}]())`,
              ),
            );
          }
          assert.deepEqual(errors, []);
        });
      },
    );
  }
});

test('the door of browsers has the names of the other one, but threads and processes', async () => {
  const [node, web] = [await import('maitre/executors'), await import('#src/executors.web.js')].map(Object.keys);
  assert.deepEqual(
    node?.filter((name) => name !== 'ThreadExecutor' && name !== 'ProcessExecutor').toSorted(),
    web?.toSorted(),
  );
});

test('where there are no Web Workers, a WorkerExecutor can be made, and a call says what to use', async () => {
  if ('Worker' in globalThis) return; // Bun and Deno
  await using workers = new WorkerExecutor({ size: 1 });
  await assert.rejects(
    workers.run(() => 1),
    {
      name: 'WorkerLostError',
      message: /no worker could be started, Cannot start worker: there are no Web Workers here, use ThreadExecutor/,
    },
  );
});

test('options are checked and named', () => {
  assert.throws(() => new WorkerExecutor({ worker: 5 as never }), /worker must be a function, got 5/);
  assert.throws(() => new WorkerExecutor({ maxMemory: 5 } as never), /unknown option "maxMemory"/);
  assert.throws(() => new WorkerExecutor({ size: 0 }), /size must be an integer >= 1, got 0/);
});

/** The files of an application, by their paths. */
async function filesOfSite(): Promise<(path: string) => string | undefined> {
  const { code } = await bundle(worker, 'module');
  const files: Readonly<Record<string, string>> = {
    '/': '<!doctype html><title>A page</title>',
    '/page.js': (await bundle(`export * from '${fixtures}/page.js';`, 'module')).code,
    '/worker.js': code,
    '/throws.js': "throw new Error('thrown by the file');",
    '/talks.js': `postMessage(null); postMessage('soup'); postMessage({ id: 1 }); ${code}; postMessage({ type: 'soup' });`,
    '/twice.js': (
      await bundle("import { serveModules } from 'maitre/executors'; serveModules({}); serveModules({});", 'module')
    ).code,
    // Without a bundler, all import one copy of the package, by its URL.
    '/plain-page.js': "export { toThread } from '/dist/executors.web.js';",
    '/plain-jobs.js':
      "import { checkpoint } from '/dist/executors.web.js'; export const add = (a, b) => (checkpoint(), a + b);",
  };
  return (path) =>
    files[path] ?? (path.startsWith('/dist/') && existsSync(join(root, path)) ? readText(path.slice(1)) : undefined);
}
