// The door maitre/executors on Node, Bun and Deno.
import { setDefaultMaker } from './executors/index.ts';
import { ThreadExecutor } from './executors/node/index.ts';
import { installNodeHost } from './hosts/node/index.ts';

installNodeHost();
setDefaultMaker(() => new ThreadExecutor({ name: 'default' }));

export { WorkerLostError } from './core/index.ts';
export {
  checkpoint,
  type Executor,
  type ExecutorOptions,
  type ExecutorReport,
  type ExecutorStatistics,
  type JobOptions,
  type JobSpec,
  type Offloaded,
  type OffloadedFunction,
  report,
  setDefaultExecutor,
  toThread,
  transfer,
} from './executors/index.ts';
export { ProcessExecutor, ThreadExecutor } from './executors/node/index.ts';
