// The door maitre/files on Node, Bun and Deno.
import { installNodeHost } from './hosts/node/index.ts';

installNodeHost();

export * from './files/index.ts';
