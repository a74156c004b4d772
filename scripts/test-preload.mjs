// Preloaded into every test process on Node. Threads and processes of the tests inherit the flag, and are left alone.
//
// - It ends a file that does not end by itself, and says what kept it alive.
// - It keeps node:test from watching every promise. Its hook on async resources finds out in which test something happens,
//   so every `await` is 20 times slower. Here it is told only of the tests themselves, so that a test or a hook belongs to
//   the suite or test around it. What else the hook knows is whose error it is that nobody has caught. The tests' own `test`
//   knows that too (test/support/test.ts), and what it misses still fails the file.

import hooks from 'node:async_hooks';
import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { watch } from './test-watchdog.mjs';

const [, main = ''] = process.argv;
if (isMainThread && /\.test\.js$|test-group\.mjs$/.test(main)) {
  if (main.endsWith('.test.js')) watch(main); // a group does so for each of its files

  // node:test takes both when it is loaded.
  const { createHook, AsyncResource } = hooks;
  let created = () => undefined;
  hooks.createHook = (callbacks) => {
    created = (...resource) => callbacks.init(...resource);
    return { enable: () => undefined, disable: () => undefined };
  };
  hooks.AsyncResource = class extends AsyncResource {
    constructor(type, options) {
      super(type, options);
      created(this.asyncId(), type, this.triggerAsyncId(), this);
    }
  };
  createRequire(import.meta.url)('node:test');
  Object.assign(hooks, { createHook, AsyncResource });
}
