// The second door of simulation: servers in memory. They need no socket, so they run in browsers too.
export {
  type MemoryClientOptions,
  type MemoryServerOptions,
  type ServedInMemory,
  serveInMemory,
} from './serve-in-memory.ts';
