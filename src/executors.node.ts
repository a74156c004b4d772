// The door maitre/executors on Node, Bun and Deno.
import { installNodeHost } from './hosts/node/index.ts';

installNodeHost();

export { WorkerLostError } from './core/index.ts';
export * from './executors/index.ts';
