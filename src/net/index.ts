// net: servers and connections over TCP and Unix sockets, UDP endpoints.
// May import: base, core, sync, streams, node:. Does not belong here: protocols on top of bytes.
// A second door, index.web.ts, has what needs no socket.
export { type Address, formatAddress } from './address.ts';
export { isConnectionLost } from './connection-lost.ts';
export { Connection, type ConnectionStatistics } from './connection.ts';
export type { ConnectionTls } from './connection-tls.ts';
export { type Datagram, DatagramEndpoint, type DatagramStatistics } from './datagram-endpoint.ts';
export type {
  DatagramAddress,
  DatagramOptions,
  DatagramTarget,
  MulticastGroup,
  MulticastOptions,
} from './datagram-options.ts';
export { Gate, type GateEvents, type GateOptions, type GateStatistics } from './gate.ts';
export type { ConnectionLimits } from './limits.ts';
export type { Accept } from './listener.ts';
export { type ListenFd, listenFds } from './listen-fds.ts';
export { type ConnectOptions, openConnection } from './open-connection.ts';
export { createDatagramEndpoint } from './open-datagram.ts';
export type { Refusal, RefusalCode } from './refusal.ts';
export { type Handler, Server } from './server.ts';
export { unixPath } from './server-options.ts';
export type { ConnectionOutcome } from './server-reports.ts';
export type { ServerStatistics } from './server-statistics.ts';
export { hostName, portNumber, type ServerOptions } from './serving-options.ts';
export type { ShutdownOptions, ShutdownReport } from './shutdown.ts';
export { startServer } from './start-server.ts';
export { installNodeSystem } from './system.node.ts';
export type { ClientTlsOptions, ServerTlsOptions, StartTlsOptions } from './tls-options.ts';
export type { Wire } from './wire.ts';
