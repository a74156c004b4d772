// The garbage collector, for tests of what is kept.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Forces a full garbage collection; undefined where that cannot be done. */
export const collectGarbage: (() => void) | undefined = (() => {
  const { Bun } = globalThis as { Bun?: { gc(force: boolean): void } }; // only there
  if (Bun !== undefined) return () => Bun.gc(true);
  try {
    setFlagsFromString('--expose-gc');
    return runInNewContext('gc') as () => void; // what the flag provides
  } catch {
    return undefined;
  }
})();
