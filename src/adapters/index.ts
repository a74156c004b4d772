// adapters: Node streams and Web Streams to and from StreamReader and StreamWriter.
// May import: base, core, streams, node:.
// Does not belong here: sockets, processes, files; they use these adapters.
export { fromNodeDuplex, fromNodeReadable, fromNodeWritable } from './from-node-streams.ts';
export { toNodeDuplex, toNodeReadable, toNodeWritable } from './to-node-streams.ts';
export {
  fromWebReadable,
  type FromWebReadableOptions,
  fromWebWritable,
  toWebReadable,
  toWebWritable,
} from './web-streams.ts';
