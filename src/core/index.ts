// core: tasks, futures, cancellation, wait records, groups, timeouts, combinators, the host port.
// May import: base. No `node:` module, no ambient time or I/O: ask the host port.
// Does not belong here: primitives that can be written on Wait (sync, queues, streams), anything that watches.
export { Awaitable, type Observer } from './awaitable.ts';
export { type CallGraph, captureCallGraph, formatCallGraph } from './call-graph.ts';
export {
  BrokenBarrierError,
  BusyError,
  CancelledError,
  type CancelReason,
  ConnectionLostError,
  IncompleteReadError,
  InvalidStateError,
  LimitOverrunError,
  QueueEmpty,
  QueueFull,
  QueueShutDown,
  TaskGroupError,
  TimeoutError,
} from './errors.ts';
export {
  type ExceptionContext,
  type ExceptionHandler,
  reportException,
  setExceptionHandler,
} from './exception-handler.ts';
export { Future } from './future.ts';
export { gather, type Gathering, type GatherOptions } from './gather.ts';
export { host, type Host, installHost, random } from './host.ts';
export { instrument, type Instrument, setInstrument } from './instrument.ts';
export { run, type RunOptions } from './run.ts';
export {
  addDeadline,
  addSoon,
  beginTurnTime,
  callAt,
  callLater,
  callSoon,
  checkMs,
  deleteDeadline,
  endTurnTime,
  type Handle,
  loopTime,
  nextDeadline,
  replaceTime,
  runDue,
  type Soon,
  soonCount,
} from './schedule.ts';
export { shield } from './shield.ts';
export { cancellable, sleep } from './sleep.ts';
export {
  allTasks,
  checkTaskFunction,
  createTask,
  currentTask,
  inTask,
  liveTasks,
  spawn,
  Task,
  type TaskOptions,
} from './task.ts';
export { TaskGroup, type TaskGroupOptions } from './task-group.ts';
export { moveOnAfter, Timeout, timeout, timeoutAt, waitFor } from './timeout.ts';
export { makeCancelledError, traceStacks } from './tracing.ts';
export { asCompleted, type ReturnWhen, untilDone, wait, type WaitForManyOptions } from './until-done.ts';
export {
  checkpoint,
  deliverHeld,
  type DeliveryHook,
  holdDeliveries,
  QueuedWait,
  setDeliveryHook,
  Wait,
  type Waiter,
  type WaitOptions,
  waiterOf,
  waitsOf,
} from './wait.ts';
export type { Work } from './work.ts';
