// The door maitre/testing on Node, Bun and Deno.
import { installNodeHost } from './hosts/node/index.ts';

installNodeHost();

export {
  checkExecutor,
  type ExecutorCheck,
  type ExecutorCheckOptions,
  executorChecks,
  type MakeExecutor,
} from './executors/check/index.ts';
export {
  type MemoryClientOptions,
  type MemoryServerOptions,
  type ServedInMemory,
  serveInMemory,
  simulate,
  SimulatedConnection,
  type SimulateOptions,
  Simulation,
} from './simulation/index.ts';
export {
  allTasksBlocked,
  checkDuplex,
  type ConnectionFaults,
  type DirectionStatistics,
  type Draw,
  drawFaults,
  type Duplex,
  type DuplexCheck,
  duplexChecks,
  type Exploration,
  exploreCancellation,
  type ExploreOptions,
  FakeClock,
  type Faults,
  FaultyLink,
  type FaultyLinkOptions,
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
