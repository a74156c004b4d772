// streams: StreamReader and StreamWriter with flow control, and memory pairs. Knows no socket.
// May import: base, core, sync, node:buffer. Does not belong here: where the bytes come from or go to.
export { toBuffer } from './byte-buffer.ts';
export { joinChunks } from './join.ts';
export { type Duplex, lockstepStreamPair, memoryStreamPair, type MemoryStreamOptions } from './memory.ts';
export { DEFAULT_LIMIT, type ReadUntilOptions, StreamReader, type StreamReaderOptions } from './reader.ts';
export type { Separator } from './separators.ts';
export type { ReadTransport, Transport, WriteTransport } from './transport.ts';
export { StreamWriter, type StreamWriterOptions } from './writer.ts';
