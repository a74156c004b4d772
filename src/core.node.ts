// The door maitre/core on Node, Bun and Deno: tasks, groups, timeouts, sync, queues, time; no sockets.
import { installNodeHost } from './hosts/node/index.ts';

installNodeHost();

export * from './core-door.ts';
