// The compiled test files.

import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
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

/**
 * Most files of these folders take longer to start than to run, and leave nothing behind: the leak check of each test
 * sees to it. So some of them share a process (test-group.mjs). A folder whose tests look at numbers that a process counts,
 * such as the ids of tasks, cannot be here. Long files have a process of their own: theirs are browsers.
 */
const sharing = [
  'base',
  'core',
  'sync',
  'queues',
  'time',
  'streams',
  'streams/framing',
  'pool',
  'console',
  'console/page',
];

/** The files that share one process at most. More would be the last ones to end, alone. */
const MOST_SHARING = 8;

/** Puts files into groups, each for one process, in their order. */
export function groupsOf(files) {
  const groups = [];
  let folder;
  for (const file of files) {
    const last = groups.at(-1);
    const own = dirname(file);
    const shares = sharing.some((each) => join('build/test', each) === own) && !file.endsWith('.long.test.js');
    if (shares && own === folder && last.length < MOST_SHARING) {
      last.push(file);
    } else groups.push([file]);
    folder = own;
  }
  return groups;
}

/** The name of the test that stands for the end of a file in a group. */
export function endOf(file) {
  return `end of ${file}`;
}
