// executors: functions that run elsewhere, cancelled together with the task that awaits them.
// May import: base, core; `node:worker_threads`, `node:child_process`, `node:os` in the leaves.
// Does not belong here: other programs (subprocess), work on other machines (distributed).
export { setDefaultExecutor, toThread } from './default-executor.ts';
export { transfer } from './cloning.ts';
export type {
  Executor,
  ExecutorReport,
  ExecutorStatistics,
  JobOptions,
  JobSpec,
  Offloaded,
  OffloadedFunction,
} from './executor.ts';
export type { ExecutorOptions } from './executor-options.ts';
export { checkpoint, report } from './in-job.ts';
export { ProcessExecutor } from './process-executor.ts';
export { ThreadExecutor } from './thread-executor.ts';
