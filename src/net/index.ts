// net: servers and connections over TCP and Unix sockets.
// May import: base, core, sync, streams, node:. Does not belong here: protocols on top of bytes.
export { type Address, formatAddress } from './address.ts';
export { Connection } from './connection.ts';
export { type ConnectOptions, openConnection } from './open-connection.ts';
export { type Handler, Server, type ShutdownReport } from './server.ts';
export type { ServerOptions } from './server-options.ts';
export { startServer } from './start-server.ts';
