// The door maitre/testing on Node, Bun and Deno.
import { installNodeHost } from './hosts/node/index.ts';
import { installNodeSystem } from './net/index.ts';

installNodeHost();
installNodeSystem();

export { simulate, SimulatedConnection, type SimulateOptions, Simulation } from './simulation/index.ts';
export * from './testing-door.ts';
