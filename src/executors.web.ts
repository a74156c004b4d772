// The door maitre/executors in browsers: workers of a page, no threads and no processes.
import { installWebHost } from './hosts/web/index.ts';

installWebHost();

export { WorkerLostError } from './core/index.ts';
export {
  checkpoint,
  type ContextStorage,
  type Executor,
  type ExecutorOptions,
  type ExecutorReport,
  type ExecutorStatistics,
  jobAttempt,
  type JobOptions,
  jobSignal,
  type JobSpec,
  type Offloaded,
  type OffloadedFunction,
  report,
  type ServedModules,
  setDefaultExecutor,
  transfer,
} from './executors/index.ts';
export {
  serveModules,
  toThread,
  type WebWorker,
  WorkerExecutor,
  type WorkerExecutorOptions,
} from './executors/web/index.ts';
