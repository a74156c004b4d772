// Whoever wants to can build what sync, queues and time are: they use nothing of base and core but what the public doors
// export, and their sources, with only the doors put in place of the rooms, compile and work.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import * as root from 'maitre';
import * as lowlevel from 'maitre/lowlevel';
import { compile } from './compile.js';
import { listFiles, readText, root as folder } from './source-files.js';

const rooms = ['sync', 'queues', 'time'];
const files = rooms.flatMap((room) => listFiles(`src/${room}`, '.ts'));

describe('maitre/lowlevel', () => {
  test('has everything that sync, queues and time take from base and core', () => {
    const missing = files.flatMap((file) =>
      imports(readText(file))
        .filter(({ from, typeOnly, name }) => isInner(from) && !typeOnly && doorOf(name) === undefined)
        .map(({ name }) => `${file}: ${name}`),
    );
    assert.deepEqual(missing, []);
  });

  test('is enough to build them: copies on the public doors compile, and a copied lock and queue work', async () => {
    const copies = join(folder, 'build/lowlevel-copy');
    rmSync(copies, { recursive: true, force: true });
    for (const file of files) {
      const target = join(copies, file.slice('src/'.length));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, onPublicDoors(readText(file)));
    }
    const compilerOptions = { noEmit: false, rootDir: '.', outDir: 'out', rewriteRelativeImportExtensions: true };
    writeFileSync(
      join(copies, 'tsconfig.json'),
      JSON.stringify({ extends: '../../examples/tsconfig.json', compilerOptions, include: rooms }),
    );
    assert.equal(compile('build/lowlevel-copy'), '');

    const load = (file: string): Promise<unknown> => import(pathToFileURL(join(copies, 'out', file)).href);
    const { Lock } = (await load('sync/lock.js')) as typeof root;
    const { Queue } = (await load('queues/queue.js')) as typeof root;
    assert.notEqual(Lock, root.Lock);
    const lock = new Lock();
    const queue = new Queue<string>(1);
    const hold = await lock.acquire();
    const [cancelled, next] = ['cancelled', 'next'].map((name) =>
      root.createTask(async () => {
        await lock.acquire();
        await queue.put(name);
      }),
    ) as [root.Task<void>, root.Task<void>];
    await root.sleep(0);
    hold[Symbol.dispose]();
    cancelled.cancel();
    assert.equal(await queue.get(), 'next');
    await next;
  });
});

describe('the reader of imports', () => {
  test('knows names, types, and where they come from', () => {
    assert.deepEqual(
      imports("import { a, type B, c as d } from '../core/index.ts';\nimport type { E } from './e.ts';"),
      [
        { name: 'a', typeOnly: false, from: '../core/index.ts' },
        { name: 'B', typeOnly: true, from: '../core/index.ts' },
        { name: 'c', typeOnly: false, from: '../core/index.ts' },
        { name: 'E', typeOnly: true, from: './e.ts' },
      ],
    );
  });
});

interface Import {
  readonly name: string;
  readonly typeOnly: boolean;
  readonly from: string;
}

function imports(code: string): Import[] {
  return [...code.matchAll(/^import (type )?\{([^}]*)\} from '([^']+)';/gm)].flatMap(
    ([, type, names = '', from = '']) =>
      names
        .split(',')
        .map((each) => each.trim())
        .filter((each) => each !== '')
        .map((each) => ({
          name: each.replace(/^type /, '').replace(/ as .*$/, ''),
          typeOnly: type !== undefined || each.startsWith('type '),
          from,
        })),
  );
}

/** An import from base or core, which stand below the public doors. */
function isInner(from: string): boolean {
  return /\/(?:base|core)\/index\.ts$/.test(from);
}

function doorOf(name: string): string | undefined {
  return name in lowlevel ? 'maitre/lowlevel' : name in root ? 'maitre' : undefined;
}

/** The same code on the public doors. A type is looked for where its declaration is exported. */
function onPublicDoors(code: string): string {
  return code.replace(/^import (?:type )?\{[^}]*\} from '[^']+';/gm, (text) =>
    imports(text)
      .map(({ name, typeOnly, from }) => {
        if (!isInner(from)) return `import { ${typeOnly ? 'type ' : ''}${name} } from '${from}';`;
        const door = doorOf(name) ?? (typesOfLowlevel().includes(name) ? 'maitre/lowlevel' : 'maitre');
        return `import { ${typeOnly ? 'type ' : ''}${name} } from '${door}';`;
      })
      .join(' '),
  );
}

function typesOfLowlevel(): string[] {
  const declarations = readFileSync(join(folder, 'dist/lowlevel.d.ts'), 'utf8');
  return [...declarations.matchAll(/\btype (\w+)/g)].map(([, name = '']) => name);
}
