// simulation: servers in memory, and a bad network with real sockets, for tests.
// May import: the pure rooms, testing, net.
// Does not belong here: tools that need no server, which are in testing. The servers in memory are
// behind the second door, index.web.ts.
export { simulate, SimulatedConnection, type SimulateOptions, Simulation } from './simulate.ts';
