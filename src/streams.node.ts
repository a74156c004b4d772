// The door maitre/streams on Node, Bun and Deno: readers, writers, framing, pairs in memory; no sockets.
import { installNodeHost } from './hosts/node/index.ts';

installNodeHost();

export { lockstepStreamPair, memoryStreamPair, type MemoryStreamOptions } from './streams/index.ts';
export * from './streams-door.ts';
