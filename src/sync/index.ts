// sync: Lock, Event, Condition, Semaphore, CapacityLimiter, Barrier, on the public low-level calls only.
// May import: base, core. Does not belong here: anything that needs a private hook of core.
export { Barrier } from './barrier.ts';
export { type BorrowOptions, type Borrowing, CapacityLimiter, type CapacityStatistics } from './capacity-limiter.ts';
export { Condition } from './condition.ts';
export { Event } from './event.ts';
export { type Hold, Lock, type LockStatistics } from './lock.ts';
export { BoundedSemaphore, Semaphore } from './semaphore.ts';
