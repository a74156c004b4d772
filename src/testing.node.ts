// The door maitre/testing on Node, Bun and Deno.
import { installNodeHost } from './hosts/node/index.ts';

installNodeHost();

export {
  allTasksBlocked,
  checkDuplex,
  type Duplex,
  type DuplexCheck,
  duplexChecks,
  type Exploration,
  exploreCancellation,
  type ExploreOptions,
  FakeClock,
  lockstepStreamPair,
  type MakeDuplexPair,
  type MemoryStreamOptions,
  memoryStreamPair,
  runWithFakeClock,
  seededRandom,
  Sequencer,
  shuffleWakeups,
  withLeakCheck,
} from './testing/index.ts';
