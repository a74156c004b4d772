// streams: StreamReader and StreamWriter with flow control, framing, and memory pairs. Knows no socket.
// May import: base, core, sync, node:buffer. Does not belong here: where the bytes come from or go to.
export { toBuffer } from './byte-buffer.ts';
export { type FrameHeader, type FrameOptions, frames, writeFrame } from './framing/frames.ts';
export { jsonLines, type JsonLinesOptions, writeJsonLine } from './framing/json-lines.ts';
export { netstrings, type NetstringOptions, writeNetstring } from './framing/netstrings.ts';
export type { RecordReader } from './framing/record-reader.ts';
export { joinChunks } from './join.ts';
export { type Duplex, DuplexEnd } from './duplex.ts';
export { lockstepStreamPair, memoryStreamPair, type MemoryStreamOptions } from './memory.ts';
export { type ReadUntilOptions, StreamReader, type StreamReaderOptions } from './reader.ts';
export type { Separator } from './separators.ts';
export type { ReadTransport, Transport, WriteTransport } from './transport.ts';
export { StreamWriter, type StreamWriterOptions } from './writer.ts';
