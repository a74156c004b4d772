// executors/node: workers of Node, Bun and Deno: threads and processes.
// May import: the pure rooms, executors, hosts/node (for the programs that the workers run).
export { ProcessExecutor } from './process-executor.ts';
export { serveModules } from './serve-modules.ts';
export { ThreadExecutor, type ThreadExecutorOptions } from './thread-executor.ts';
