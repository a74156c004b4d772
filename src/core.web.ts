// The door maitre/core in browsers: tasks, groups, timeouts, sync, queues, time; no sockets.
import { installWebHost } from './hosts/web/index.ts';

installWebHost();

export * from './core-door.ts';
