// simulation: servers in memory, and a bad network with real sockets, for tests.
// May import: the pure rooms, testing, net, node:buffer. Does not belong here: what needs no server, which is testing's.
export {
  type MemoryClientOptions,
  type MemoryServerOptions,
  type ServedInMemory,
  serveInMemory,
} from './serve-in-memory.ts';
export { simulate, SimulatedConnection, type SimulateOptions, Simulation } from './simulate.ts';
