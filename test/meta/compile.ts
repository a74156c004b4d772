// The TypeScript compiler, as the meta-tests call it.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './source-files.js';

/** What the compiler has to say about a project. */
export function compile(project: string): string {
  try {
    execFileSync(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), '-p', project, '--pretty', 'false'],
      { cwd: root, encoding: 'utf8' },
    );
    return '';
  } catch (error) {
    const output = (error as { stdout?: string }).stdout; // of a program that ended with an error
    if (output) return output;
    throw error;
  }
}
