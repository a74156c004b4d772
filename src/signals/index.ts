// signals: the signals of the process as an async iterator, or as callbacks of the loop.
// May import: base, core, streams; `node:os` for their names.
// Does not belong here: what run() does with SIGINT and SIGTERM (core), the signals of child
// processes (subprocess).
export { addSignalHandler } from './add-signal-handler.ts';
export { type SignalIterator, signals } from './signal-iterator.ts';
