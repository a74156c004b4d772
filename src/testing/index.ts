// testing: a clock that tests own, knowing when everything waits, leak checks, stream pairs and checks.
// May import: the pure rooms. Does not belong here: anything tied to one test runner.
export { allTasksBlocked } from './blocked.ts';
export { FakeClock, runWithFakeClock } from './fake-clock.ts';
export { withLeakCheck } from './leak-check.ts';
