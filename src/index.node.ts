// The root door on Node, Bun and Deno: the pure rooms joined to this host.
import { installNodeHost } from './hosts/node/index.ts';
import { installNodeSystem } from './net/index.ts';

installNodeHost();
installNodeSystem();

export {
  fromNodeDuplex,
  fromNodeReadable,
  fromNodeWritable,
  fromWebReadable,
  type FromWebReadableOptions,
  fromWebWritable,
  toNodeDuplex,
  toNodeReadable,
  toNodeWritable,
  toWebReadable,
  toWebWritable,
} from './adapters/index.ts';
export * from './core-door.ts';
export { CalledProcessError, WorkerLostError } from './core/index.ts';
export {
  type Address,
  type ClientTlsOptions,
  Connection,
  type ConnectionLimits,
  type ConnectionOutcome,
  type ConnectionStatistics,
  type ConnectionTls,
  type ConnectOptions,
  createDatagramEndpoint,
  type Datagram,
  type DatagramAddress,
  DatagramEndpoint,
  type DatagramOptions,
  type DatagramStatistics,
  type DatagramTarget,
  formatAddress,
  type Handler,
  isConnectionLost,
  type ListenFd,
  listenFds,
  type MulticastGroup,
  type MulticastOptions,
  openConnection,
  type Refusal,
  type RefusalCode,
  Server,
  type ServerOptions,
  type ServerStatistics,
  type ServerTlsOptions,
  type ShutdownOptions,
  type ShutdownReport,
  startServer,
  type StartTlsOptions,
} from './net/index.ts';
export * from './streams-door.ts';
