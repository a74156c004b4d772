// The door maitre/distributed on Node, Bun and Deno.
import { installNodeHost } from './hosts/node/index.ts';

installNodeHost();

export { checkpoint, jobAttempt, jobSignal, report } from './executors/index.ts';
export * from './distributed/index.ts';
