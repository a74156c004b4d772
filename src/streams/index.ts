// streams: StreamReader and StreamWriter with flow control, framing, and memory pairs; the base of
// iterators over what comes from outside. Knows no sockets.
// May import: base, core, sync. Runs in browsers too.
// Does not belong here: where the bytes come from or go to.
export { toBuffer } from './byte-buffer.ts';
export { feedParser, type PushParser } from './feed-parser.ts';
export { type FrameHeader, type FrameOptions, frames, writeFrame } from './framing/frames.ts';
export { jsonLines, type JsonLinesOptions, writeJsonLine } from './framing/json-lines.ts';
export { netstrings, type NetstringOptions, writeNetstring } from './framing/netstrings.ts';
export type { RecordReader } from './framing/record-reader.ts';
export { copyChunks, joinChunks } from './join.ts';
export { type Duplex, DuplexEnd } from './duplex.ts';
export { lockstepStreamPair, memoryStreamPair, type MemoryStreamOptions } from './memory.ts';
export { pipe, type PipeOptions } from './pipe.ts';
export { StreamReader } from './reader.ts';
export type { ReadUntilOptions, StreamReaderOptions, TextLineOptions } from './reader-options.ts';
export type { Separator } from './separators.ts';
export { Source, SourceIterator } from './source.ts';
export { splice, type Spliced } from './splice.ts';
export type { ReadTransport, Transport, WriteTransport } from './transport.ts';
export { StreamWriter, type StreamWriterOptions } from './writer.ts';
