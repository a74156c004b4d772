// The door maitre/executors on Node, Bun and Deno.
import { setDefaultMaker } from './executors/index.ts';
import { ThreadExecutor } from './executors/node/index.ts';
import { installNodeHost } from './hosts/node/index.ts';

installNodeHost();
setDefaultMaker(() => new ThreadExecutor({ name: 'default' }));

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
  toThread,
  transfer,
} from './executors/index.ts';
export { ProcessExecutor, serveModules, ThreadExecutor, type ThreadExecutorOptions } from './executors/node/index.ts';
export { type WebWorker, WorkerExecutor, type WorkerExecutorOptions } from './executors/web/index.ts';
