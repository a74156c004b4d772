// testing: a clock that tests control, detection of blocked tasks, leak checks, stream pairs and
// their checks.
// May import: the pure rooms.
// Does not belong here: anything tied to one test runner.
export { allTasksBlocked } from './blocked.ts';
export { checkDuplex, type DuplexCheck, duplexChecks, type MakeDuplexPair } from './check-duplex.ts';
export { errorOf, expect, expectError, messageOf, runBounded, until } from './expect.ts';
export { type Exploration, exploreCancellation, type ExploreOptions, shuffleWakeups } from './explore.ts';
export { FakeClock, runWithFakeClock } from './fake-clock.ts';
export { checkFaults, type ConnectionFaults, type Draw, drawFaults, type Faults } from './faults.ts';
export { type DirectionStatistics, FaultyLink, type FaultyLinkOptions } from './faulty-link.ts';
export { withLeakCheck } from './leak-check.ts';
export { seededRandom, seedNumber } from './random.ts';
export { Sequencer } from './sequencer.ts';
export { type Duplex, lockstepStreamPair, memoryStreamPair, type MemoryStreamOptions } from '../streams/index.ts';
