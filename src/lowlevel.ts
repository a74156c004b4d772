// The door maitre/lowlevel: what primitives are built on. `sync`, `queues` and `time` use nothing else of base and core than
// this and the root door, and so can yours. The host is installed by the root door, maitre/core or maitre/testing.
export { type Deadline, Deque, describe, disposable, Heap, type Linked, LinkedSet } from './base/index.ts';
export {
  addDeadline,
  addSoon,
  checkMs,
  checkpoint,
  checkTaskFunction,
  deleteDeadline,
  type Instrument,
  loopTime,
  makeCancelledError,
  QueuedWait,
  random,
  reportException,
  setInstrument,
  type Soon,
  Wait,
  type Waiter,
  waiterOf,
  type WaitOptions,
  waitsOf,
} from './core/index.ts';
