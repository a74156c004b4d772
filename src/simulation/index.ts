// simulation: a bad network with real sockets, for tests.
// May import: the pure rooms, testing, net. Does not belong here: what works without sockets, which is testing's.
export { simulate, SimulatedConnection, type SimulateOptions, Simulation } from './simulate.ts';
