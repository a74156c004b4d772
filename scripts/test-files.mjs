// The compiled test files.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

/** A test file that runs longer than this is hung, in ms. No test comes near it, also on a busy machine. */
export const fileTimeout = 150_000;

/**
 * The compiled test files, relative to the root: those of `npm test`, or with `long` those that only `.ci/run` waits for,
 * `*.long.test.ts`.
 */
export function listTestFiles({ long = false } = {}) {
  return readdirSync(join(root, 'build/test'), { recursive: true })
    .filter((file) => file.endsWith('.test.js') && file.endsWith('.long.test.js') === long)
    .map((file) => join('build/test', file))
    .sort();
}
