// simulation: servers in memory, and a bad network with real sockets, for tests.
// May import: the pure rooms, testing, net, node:buffer.
// Does not belong here: tools that need no server, which are in testing.
export {
  type MemoryClientOptions,
  type MemoryServerOptions,
  type ServedInMemory,
  serveInMemory,
} from './serve-in-memory.ts';
export { simulate, SimulatedConnection, type SimulateOptions, Simulation } from './simulate.ts';
