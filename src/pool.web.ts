// The door maitre/pool in browsers.
import { installWebHost } from './hosts/web/index.ts';

installWebHost();

export * from './pool-door.ts';
