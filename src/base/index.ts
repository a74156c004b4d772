// base: plain data structures, checks of options, the base class of iterators, and the `using`
// symbols. It knows nothing of tasks, time or I/O. May import: nothing. Does not belong here:
// anything that waits.
export { AsyncIteration } from './async-iteration.ts';
export {
  anything,
  callback,
  type Check,
  type Checks,
  checkOptions,
  positiveMs,
  flag,
  integer,
  integerFrom,
  isObject,
  listOf,
  notNegative,
  ofType,
  objectOf,
  oneOf,
  notNegativeMs,
  positive,
  wrongValue,
} from './check.ts';
export { Deque } from './deque.ts';
export { type Deadline, DeadlineHeap } from './deadline-heap.ts';
export { disposable } from './disposable.ts';
export { Heap } from './heap.ts';
export { describe, describeThrown } from './describe.ts';
export { noteError, type SeenError, watchErrors } from './error-watch.ts';
export { escapeControl, escapeJson, escapeLines, quote } from './escape-control.ts';
export { KeepAlive } from './keep-alive.ts';
export { type Linked, LinkedSet } from './linked-set.ts';
export { isModuleMissing } from './module-missing.ts';
