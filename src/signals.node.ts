// The door maitre/signals on Node, Bun and Deno.
import { installNodeHost } from './hosts/node/index.ts';

installNodeHost();

export { addSignalHandler, type SignalIterator, signals } from './signals/index.ts';
