// The door maitre/testing on Node, Bun and Deno.
import { installNodeHost } from './hosts/node/index.ts';

installNodeHost();

export { allTasksBlocked, FakeClock, runWithFakeClock, withLeakCheck } from './testing/index.ts';
