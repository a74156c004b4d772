// node test-group.mjs FILE...: runs several test files in one process, one after the other. Each is reported by a line
// with its name, behind its tests, and has the time limit of a file.

import { resolve } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { endOf } from './test-files.mjs';
import { watch } from './test-watchdog.mjs';

for (const file of process.argv.slice(2)) {
  watch(file);
  const began = performance.now();
  await import(pathToFileURL(resolve(file)).href);
  // Tests of one process run in order, so this one ends after those of the file.
  await test(endOf(file), (context) => context.diagnostic(`${file} took ${(performance.now() - began) / 1000} s`));
}
