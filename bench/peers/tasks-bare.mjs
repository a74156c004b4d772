// The host's own least: a native async function in a context of its own, awaited. No task, no cancel, no owner.
import { AsyncLocalStorage } from 'node:async_hooks';
import { measureBatches } from '../../build/bench/per-operation.js';

const carrier = new AsyncLocalStorage();
let last = 0;

await measureBatches({
  async join(count) {
    for (let i = 0; i < count; i++) await carrier.run({ id: ++last }, async () => undefined);
  },
});
