// executors/check: one suite for everything that implements Executor.
// May import: the pure rooms, testing, executors.
// Does not belong here: what only workers of one kind do (the tests of that kind).
export {
  checkExecutor,
  type ExecutorCheck,
  executorChecks,
  type ExecutorCheckOptions,
  type MakeExecutor,
} from './check-executor.ts';
