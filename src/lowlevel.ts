// The door maitre/lowlevel: what primitives are built on. `sync`, `queues` and `streams` use nothing else of core, and
// so can yours. The host is installed by the root door, maitre/core or maitre/testing.
export { Deque, type Linked, LinkedSet } from './base/index.ts';
export {
  addDeadline,
  addSoon,
  checkpoint,
  deleteDeadline,
  type Instrument,
  loopTime,
  makeCancelledError,
  QueuedWait,
  reportException,
  setInstrument,
  Wait,
  type WaitOptions,
  waitsOf,
} from './core/index.ts';
