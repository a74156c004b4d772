// core: tasks, futures, cancellation, wait records, groups, timeouts, combinators, the host port.
// May import: base. No `node:` module, no ambient time or I/O: ask the host port. Does not belong
// here: primitives that can be written on Wait (sync, queues, streams), and anything that watches.
export { Awaitable, OutcomeWait, type Subscriber } from './awaitable.ts';
export { callAt, callLater, callSoon, type Handle } from './callbacks.ts';
export { passCancel } from './cancel-pass.ts';
export { checkMs, loopTime } from './clock.ts';
export { beginWait, mayAnswer, onAbort, quiet, scopeOf, signalOf, waiterOf, waiting } from './current-waiter.ts';
export type { WaitOptions } from './current-waiter.ts';
export { addDeadline, deleteDeadline, nextDeadline, replaceTime, runDue } from './deadlines.ts';
export { atOnce, deliverHeld, type Delivery, type DeliveryHook, holdDeliveries, setDeliveryHook } from './delivery.ts';
export {
  BrokenBarrierError,
  BusyError,
  CalledProcessError,
  CancelledError,
  type CancelReason,
  ConnectionLostError,
  type ErrorTest,
  IncompleteReadError,
  InvalidStateError,
  LeaseLostError,
  LimitOverrunError,
  MissedItemsError,
  QueueEmpty,
  QueueFull,
  QueueShutDown,
  TaskGroupError,
  TimeoutError,
  WorkerLostError,
} from './errors.ts';
export {
  type ExceptionContext,
  type ExceptionHandler,
  reportException,
  setExceptionHandler,
} from './exception-handler.ts';
export { Future } from './future.ts';
export { gather, Gathering, type GatherOptions } from './gather.ts';
export { type ActiveResource, host, type Host, type InContext, installHost, random } from './host.ts';
export { addInstrument, type Instrument } from './instrument.ts';
export { Line } from './line.ts';
export { currentProgram, defaultGrace, describeTask } from './program.ts';
export { race, type RaceItem, type RaceMember } from './race.ts';
export type { Holder, ResourceRecord, StepRecord, TaskRecord, WaitOutcome, WaitRecord, WaitState } from './records.ts';
export { firstOpenResource, resourcesWithoutEnd, Resource, type ResourceOptions } from './resource.ts';
export { run, type RunOptions } from './run.ts';
export { currentDeadline, type Scope } from './scope.ts';
export { outlast, shield } from './shield.ts';
export { cancellable, sleep } from './sleep.ts';
export {
  allTasks,
  atScopeEnd,
  checkTaskFunction,
  createTask,
  currentTask,
  inTask,
  liveTasks,
  spawn,
  Task,
  type TaskOptions,
  waitsOf,
} from './task.ts';
export { TaskGroup, type TaskGroupOptions } from './task-group.ts';
export { moveOnAfter, Timeout, timeout, timeoutAt, waitFor } from './timeout.ts';
export { captureSite, makeCancelledError, sampleSites, traceStacks } from './tracing.ts';
export { addSoon, atEndOfTurn, type Soon, soonCount } from './turn.ts';
export { answeredWait, QueuedWait, Wait } from './wait.ts';
export { asCompleted, untilDone, wait } from './wait-for-many.ts';
export type { CompletionIterator, ReturnWhen, WaitForManyOptions } from './wait-for-many.ts';
export type { Work, WorkResult } from './work.ts';
