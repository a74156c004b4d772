// executors/web: workers of a page (Web Workers), and the side that runs in them.
// May import: the pure rooms, executors, hosts/web (for the program that the workers run).
// Does not belong here: the page, `node:`.
export { serveModules } from './serve-modules.ts';
export { toThread } from './to-thread.ts';
export { type WebWorker, WorkerExecutor, type WorkerExecutorOptions } from './worker-executor.ts';
