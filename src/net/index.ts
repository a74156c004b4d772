// net: servers and connections over TCP and Unix sockets, UDP endpoints.
// May import: base, core, sync, streams, node:. Does not belong here: protocols on top of bytes.
// A second door, index.web.ts, has what needs no socket.
export { type Address, formatAddress, onlyPort, toAddress } from './address.ts';
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
export { Gate, type GateEvents, type GateStatistics } from './gate.ts';
export type { GateOptions } from './gate-options.ts';
export { HandedWire } from './handed-wire.ts';
export type { ConnectionLimits } from './limits.ts';
export { type Accept, listen, type Listener } from './listener.ts';
export { type ListenFd, listenFds } from './listen-fds.ts';
export { type ConnectOptions, openConnection } from './open-connection.ts';
export { createDatagramEndpoint } from './open-datagram.ts';
export { Parking } from './parking.ts';
export { PassedHandle, PassedWire, receiveWire } from './passed-wire.ts';
export { hasRawIo } from './raw/try-out.ts';
export type { Refusal, RefusalCode } from './refusal.ts';
export { type Handler, type Protocol, Server } from './server.ts';
export { checkServerOptions, SERVER, unixPath } from './server-options.ts';
export type { ConnectionOutcome } from './server-reports.ts';
export type { ServerStatistics } from './server-statistics.ts';
export { hostName, portNumber, type ServerOptions } from './serving-options.ts';
export { type EndOrder, endOrder, type ShutdownOptions, type ShutdownReport } from './shutdown.ts';
export { startServer } from './start-server.ts';
export { listenBy } from './system.ts';
export { installNodeSystem } from './system.node.ts';
export type { ClientTlsOptions, ServerTlsOptions, StartTlsOptions } from './tls-options.ts';
export type { Wire } from './wire.ts';
