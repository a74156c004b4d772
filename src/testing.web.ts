// The door maitre/testing in browsers: all that needs no socket.
import { installWebHost } from './hosts/web/index.ts';

installWebHost();

export * from './testing-door.ts';
