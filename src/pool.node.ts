// The door maitre/pool on Node, Bun and Deno.
import { installNodeHost } from './hosts/node/index.ts';

installNodeHost();

export * from './pool-door.ts';
