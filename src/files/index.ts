// files: reads and writes files as streams, follows and watches them, replaces them, and makes
// temporary folders.
// May import: base, core, streams; `node:fs`, `node:path`, `node:os`.
// Does not belong here: what needs a network (net), programs (subprocess).
export { type FileReader, openReader, type OpenReaderOptions } from './file-reader.ts';
export type { FileChange } from './file-tree.ts';
export { openWriter, type OpenWriterOptions } from './file-writer.ts';
export { tail, type TailIterator, type TailOptions } from './tail.ts';
export { temporaryFolder, type TemporaryFolder } from './temporary.ts';
export { watch, type FileWatcher, type WatchOptions } from './watch.ts';
export { writeAtomically, type WriteAtomicallyOptions } from './write-atomically.ts';
