// The second door of net: what needs no socket and reaches no `node:` module, so that it runs in
// browsers too (system.ts). The clients of these servers come from whoever passes a `listenOn`.
export { type Address, type Addresses, formatAddress } from './address.ts';
export { isConnectionLost } from './connection-lost.ts';
export { Connection, type ConnectionStatistics } from './connection.ts';
export type { ConnectionLimits } from './limits.ts';
export type { Accept, Listener } from './listener.ts';
export type { Refusal, RefusalCode } from './refusal.ts';
export { type Handler, Server } from './server.ts';
export type { ConnectionOutcome } from './server-reports.ts';
export type { ServerStatistics } from './server-statistics.ts';
export { checkTogether, pathUpTo, type ServerOptions, SERVING } from './serving-options.ts';
export type { ShutdownOptions, ShutdownReport } from './shutdown.ts';
export { hasSystem } from './system.ts';
export type { Wire, WireListener } from './wire.ts';
