// executors: functions that run elsewhere, cancelled together with the task that awaits them. This
// room has the interface, the pool and the protocol; where the workers come from is a room below.
// May import: the pure rooms.
// Does not belong here: workers of a host (executors/node), work on other machines (distributed).
export { Call } from './call.ts';
export { cloneError, transfer } from './cloning.ts';
export { type CrossedError, packError, unpackError, withoutFields } from './crossed-error.ts';
export { setDefaultExecutor, setDefaultMaker, toThread } from './default-executor.ts';
export type {
  Executor,
  ExecutorReport,
  ExecutorStatistics,
  JobOptions,
  JobSpec,
  Offloaded,
  OffloadedFunction,
} from './executor.ts';
export { type ContextStorage, DEFAULT_CANCEL_GRACE, EXECUTOR, type ExecutorOptions, JOB } from './executor-options.ts';
export { carryRunning, checkpoint, jobAttempt, jobSignal, report, type RunningJob } from './in-job.ts';
export { type CallSite, Job, type JobCall, type JobOwner, type JobPlace, STREAM, type StreamSink } from './job.ts';
export { callOf, closedFunction, framesOf, offload } from './offload.ts';
export { PoolExecutor } from './pool-executor.ts';
export { type FromWorker, isMessage, type ToWorker } from './protocol.ts';
export { JobServer, type WorkerPort } from './serve-jobs.ts';
export { SharedLeaf } from './shared-leaf.ts';
export {
  cancelledJob,
  countSent,
  newSharedWords,
  noteSent,
  type SharedWords,
  takeOffer,
  waitForSent,
} from './shared-words.ts';
export { finderOf, type ServedModules } from './served-modules.ts';
export { checkStream, ignoringCancels, SHUTDOWN, submitted, waitForRoom } from './waiting-call.ts';
export type { LeafEvents, WorkerLeaf } from './worker-leaf.ts';
