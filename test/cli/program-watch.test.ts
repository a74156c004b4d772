// `--reload`: which folder is watched, and what counts as a save.
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { createTask } from 'maitre';
import { programFolder, ProgramWatch } from '#src/cli/program-watch.js';
import { Folder } from '../support/program.js';
import { test } from '../support/test.js';

test('the folder is the nearest one with a package.json, else that of FILE, and never the home folder', () => {
  using folder = new Folder();
  const inner = join(folder.path, 'src', 'deep');
  mkdirSync(inner, { recursive: true });
  assert.equal(programFolder(join(inner, 'app.ts')), inner);
  folder.write('package.json', '{}');
  assert.equal(programFolder(join(inner, 'app.ts')), folder.path);
  assert.equal(programFolder(join(homedir(), 'app.ts')), homedir());
  assert.equal(programFolder(join(dirname(homedir()), 'app.ts')), dirname(homedir()));
});

test('saved sources are told, and neither data, packages, nor what is hidden', async () => {
  using folder = new Folder();
  folder.write('package.json', '{}');
  const file = folder.write('app', '// no extension, and it is FILE itself');
  for (const each of ['node_modules/x', '.git', 'lib']) mkdirSync(join(folder.path, each), { recursive: true });
  folder.write('lib/menu.ts', 'export {};');
  await using watch = new ProgramWatch(file);
  await watch.ready();
  folder.write('data.json', '{}');
  folder.write('.git/index.js', '');
  folder.write('node_modules/x/index.js', '');
  folder.write('.#menu.ts', '');
  const next = createTask(() => watch.next());
  folder.write('lib/menu.ts', 'export const soup = 1;');
  assert.deepEqual(await next, [join(folder.path, 'lib/menu.ts')]);
  folder.write('app', '// FILE');
  assert.deepEqual(await watch.next(), [file]);
});

test('an editor that writes into another file, and several files at once, are one save each', async () => {
  using folder = new Folder();
  const file = folder.write('app.mjs', '1');
  folder.write('b.mjs', '1');
  await using watch = new ProgramWatch(file);
  await watch.ready();
  writeFileSync(join(folder.path, 'app.mjs.tmp'), '2');
  renameSync(join(folder.path, 'app.mjs.tmp'), file);
  assert.deepEqual(await watch.next(), [file]);
  for (const name of ['a.mjs', 'app.mjs', 'b.mjs']) folder.write(name, '3');
  const saved = await watch.next();
  assert.deepEqual(saved, [join(folder.path, 'a.mjs'), file, join(folder.path, 'b.mjs')]);
});
