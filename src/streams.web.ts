// The door maitre/streams in browsers: readers, writers, framing, pairs in memory; no sockets.
import { installWebHost } from './hosts/web/index.ts';

installWebHost();

export { lockstepStreamPair, memoryStreamPair, type MemoryStreamOptions } from './streams/index.ts';
export * from './streams-door.ts';
