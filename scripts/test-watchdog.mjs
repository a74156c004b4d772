// Ends a test file that does not end by itself.

import { fileTimeout } from './test-files.mjs';

let timer;

/** From now on, `file` has its time. If it runs longer, the process ends and says what kept the file alive. */
export function watch(file) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const alive = process.getActiveResourcesInfo().join(', ');
    console.error(`Hung: ${file} still runs after ${fileTimeout / 1000} s, kept alive by ${alive || 'nothing'}`);
    process.exit(1);
  }, fileTimeout).unref();
}
