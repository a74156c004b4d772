// The examples of the reference and the guides run: every `ts` block of these documents, each as a module of its own, one
// after the other in one process per document. A block that cannot run by itself says so: ```ts no-run. One that others
// import has a name: ```ts heavy.ts

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { compile } from './compile.js';
import { fencedBlocks, fileOf } from './markdown.js';
import { readText, root } from './source-files.js';

const documents = [
  'tutorial',
  'errors',
  'reference/sync',
  'reference/queues',
  'reference/time',
  'reference/testing',
  'reference/browser',
  'reference/cancellation',
  'reference/groups-and-timeouts',
  'reference/tasks',
  'reference/lowlevel',
  'reference/signals',
  'reference/subprocess',
  'reference/executors',
  'reference/pool',
  'reference/files',
  'reference/fetch',
  'reference/http',
  'reference/websocket',
  'guides/race',
  'guides/offload',
  'guides/http',
  'guides/sources',
  'guides/see',
  'guides/databases',
  'guides/chat',
];
const folder = 'build/docs-run';

/** Imports a document's blocks one by one, says which one is running, and checks that each leaves nothing behind. */
const runner = `
import { withLeakCheck } from 'maitre/testing';
for (const file of process.argv.slice(2)) {
  console.log('# ' + file);
  await withLeakCheck(() => import(file));
}
`;

describe('the reference', () => {
  const blocks = documents.flatMap((document) =>
    fencedBlocks(readText(`docs/${document}.md`))
      .filter((block) => block.info === 'ts' || fileOf(block) !== undefined)
      .map((block) => {
        const imported = fileOf(block)?.replace(/\.ts$/, '');
        const name = imported ?? `${document.replace('/', '-')}-${block.line}`;
        return { document, code: block.code, name, runs: imported === undefined };
      }),
  );

  test('its examples compile', () => {
    rmSync(join(root, folder), { recursive: true, force: true });
    mkdirSync(join(root, folder), { recursive: true });
    for (const { name, code } of blocks) writeFileSync(join(root, folder, `${name}.ts`), code);
    writeFileSync(join(root, folder, 'runner.ts'), runner);
    // Down to what Node 20 runs: it has no \`using\`.
    const compilerOptions = {
      target: 'es2023',
      noEmit: false,
      rootDir: '.',
      outDir: 'out',
      moduleDetection: 'force',
      allowImportingTsExtensions: false,
    };
    writeFileSync(
      join(root, folder, 'tsconfig.json'),
      JSON.stringify({ extends: '../../examples/tsconfig.json', compilerOptions, include: ['.'] }),
    );
    assert.equal(compile(folder), '');
  });

  for (const document of documents) {
    test(
      `the examples of ${document}.md run, print what they say, and leave nothing behind`,
      { timeout: 60_000 },
      async () => {
        const own = blocks.filter((each) => each.document === document && each.runs);
        assert.ok(own.length > 0);
        const args = ['runner.js', ...own.map(({ name }) => `./${name}.js`)];
        const { NODE_TEST_CONTEXT: _, ...env } = process.env;
        const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
          cwd: join(root, folder, 'out'),
          env,
          timeout: 50_000,
        });
        assert.equal(stderr, '');
        const printed = new Map(
          stdout.split(/^# \.\//m).map((part) => {
            const [name = '', ...lines] = part.split('\n');
            return [name.replace(/\.js$/, ''), lines.join('\n')];
          }),
        );
        for (const { name, code } of own) {
          const output = printed.get(name);
          assert.ok(output !== undefined, `${name} did not run`);
          for (const line of promised(code))
            assert.ok(output.includes(line), `${name} did not print ${line}:\n${output}`);
        }
      },
    );
  }
});

/** What an example says that it prints: `console.log(x); // this`, when it is the plain text of one line. */
function promised(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)]
    .map(([, text = '']) => text)
    .filter((text) => !text.includes(','));
}
