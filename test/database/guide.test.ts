// The guide "Databases": its examples run against a MariaDB and a PostgreSQL, and print what they say. In the guide, a block
// of code that needs a server says which: ```ts mysql, ```ts postgres.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from '../meta/compile.js';
import { fencedBlocks } from '../meta/markdown.js';
import { readText } from '../meta/source-files.js';
import { bothDatabases } from '../support/databases.js';
import { Program, root } from '../support/program.js';
import { test } from '../support/test.js';

const folder = 'build/docs-databases';
const places = {
  mysql: 'mysql://cook:secret@127.0.0.1:3306/restaurant',
  postgres: 'postgres://cook:secret@127.0.0.1:5432/restaurant',
};

for (const { name, server, skip } of await bothDatabases()) {
  const database = name === 'mysql' ? 'maitre' : 'postgres';
  const place = `${name}://${server.user}:${server.password}@${server.host}:${server.port}/${database}`;

  test(
    `${name}: the examples of the guide compile, run, and print what they say`,
    async () => {
      const own = join(folder, name);
      const blocks = fencedBlocks(readText('docs/guides/databases.md')).filter(({ info }) => info === `ts ${name}`);
      assert.ok(blocks.length > 0);
      rmSync(join(root, own), { recursive: true, force: true });
      mkdirSync(join(root, own), { recursive: true });
      for (const { code, line } of blocks) {
        assert.ok(code.includes(places[name]), `line ${line} connects to another place`);
        writeFileSync(join(root, own, `line-${line}.ts`), code.replace(places[name], place));
      }
      // Down to what Node 20 runs: it has no `using`.
      const compilerOptions = {
        target: 'es2023',
        noEmit: false,
        rootDir: '.',
        outDir: 'out',
        moduleDetection: 'force',
      };
      writeFileSync(
        join(root, own, 'tsconfig.json'),
        JSON.stringify({
          extends: '../../../examples/tsconfig.json',
          compilerOptions: { ...compilerOptions, allowImportingTsExtensions: false },
          include: ['.'],
        }),
      );
      assert.equal(compile(own), '');
      for (const { code, line } of blocks) {
        await using program = new Program([`out/line-${line}.js`], { cwd: join(root, own), command: 'node' });
        const { code: exitCode, stdout, stderr } = await program.ended();
        assert.deepEqual([exitCode, stderr], [0, ''], `line ${line}`);
        const promised = [...code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map(([, text = '']) => text);
        assert.ok(promised.length > 0, `line ${line} prints nothing`);
        assert.equal(stdout, `${promised.join('\n')}\n`, `line ${line}`);
      }
    },
    { skip, timeout: 50_000 },
  );
}
