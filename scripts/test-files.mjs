// The compiled test files, and how Node runs them. Shared by `npm test` and the runtime matrix.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './setup.mjs';

/** A test file that runs longer than this is hung, in ms. No test comes near it. */
export const fileTimeout = 60_000;

/** All compiled test files, relative to the root. Listed here because Node 20's --test takes no glob patterns. */
export function listTestFiles() {
  return readdirSync(join(root, 'build/test'), { recursive: true })
    .filter((file) => file.endsWith('.test.js'))
    .map((file) => join('build/test', file))
    .sort();
}

/**
 * The arguments with which Node runs test files, two at once. --test-timeout is per file on Node 20 and 22, and per test
 * later, where a file held open by a leaked handle would hang for ever: that is what the watchdog is for. It comes last,
 * so that a single hung test is named first.
 */
export function nodeTestArguments(files) {
  return [
    '--enable-source-maps',
    `--import=${pathToFileURL(join(root, 'scripts/test-watchdog.mjs'))}`,
    '--test',
    '--test-concurrency=2',
    `--test-timeout=${fileTimeout - 10_000}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    ...files,
  ];
}
