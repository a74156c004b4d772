// The door maitre/http on Node, Bun and Deno.
import { installNodeHost } from './hosts/node/index.ts';
import { installNodeSystem } from './net/index.ts';

installNodeHost();
installNodeSystem();

export * from './http/index.ts';
