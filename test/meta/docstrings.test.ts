// The examples in docstrings compile: every `ts` block in a comment of src, each as a module of its own.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compile } from './compile.js';
import { listFiles, readText, root } from './source-files.js';

const folder = 'build/docstrings';

test('the examples in docstrings compile', { timeout: 60_000 }, () => {
  const examples = listFiles('src', '.ts').flatMap((file) => examplesOf(file, readText(file)));
  assert.ok(examples.length > 100, `${examples.length} examples`);
  rmSync(join(root, folder), { recursive: true, force: true });
  mkdirSync(join(root, folder), { recursive: true });
  for (const { name, code } of examples) writeFileSync(join(root, folder, name), code);
  const settings = {
    extends: '../../examples/tsconfig.json',
    compilerOptions: { moduleDetection: 'force' },
    include: ['.'],
  };
  writeFileSync(join(root, folder, 'tsconfig.json'), JSON.stringify(settings));
  assert.equal(compile(folder), '');
});

test('an example is what stands between the fences of a docstring', () => {
  const code = '/**\n * Waits.\n * ```ts\n * wait(1);\n *   // more\n * ```\n */\n';
  assert.deepEqual(examplesOf('src/core/x.ts', code), [{ name: 'core-x-3.ts', code: 'wait(1);\n  // more\n' }]);
});

/** The examples of a source file. Their names say where they are. */
function examplesOf(file: string, code: string): { name: string; code: string }[] {
  return [...code.matchAll(/^[ \t]*\* ```ts\n([\s\S]*?)^[ \t]*\* ```/gm)].map((match) => {
    const line = code.slice(0, match.index).split('\n').length;
    const place = file.slice('src/'.length, -'.ts'.length).replaceAll('/', '-');
    return { name: `${place}-${line}.ts`, code: (match[1] ?? '').replaceAll(/^[ \t]*\* ?/gm, '') };
  });
}
