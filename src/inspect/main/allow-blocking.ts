// Blocks that are meant.
import { callback } from '../../base/index.ts';

import { host } from '../../core/index.ts';
import type { Pulse } from '../crossing.ts';

/** That of the running inspector; undefined without one. */
let pulse: Pulse | undefined;

/** Sets where it is noted that blocking is allowed. */
export function noteAllowedIn(target: Pulse | undefined): void {
  pulse = target;
}

/**
 * Calls `fn` and returns what it returns. While `fn` runs, the inspector does not report that the
 * loop is blocked: the block is meant, such as reading the configuration at the start. Viewers show
 * it as allowed. It covers synchronous code only, up to the first `await` of an async function.
 * @param fn called once, at once
 * @throws what `fn` throws; TypeError if it is not a function
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { allowBlocking } from 'maitre/inspect';
 * const manifest = allowBlocking(() => readFileSync('package.json', 'utf8'));
 * console.log(manifest.length > 0);
 * ```
 */
export function allowBlocking<T>(fn: () => T): T {
  callback('allow blocking', '', fn);
  const noted = pulse;
  if (noted === undefined) return fn();
  // A beat at both ends: what blocks before and after it is not allowed, and counts by itself.
  noted.beat(host.now());
  noted.allow(1);
  try {
    return fn();
  } finally {
    noted.beat(host.now());
    noted.allow(-1);
  }
}
