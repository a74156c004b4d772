// The root door on Node, Bun and Deno: the pure rooms joined to this host.
import { installNodeHost } from './hosts/node/index.ts';

installNodeHost();

export * from './core.all.ts';
export {
  type Address,
  Connection,
  type ConnectOptions,
  formatAddress,
  type Handler,
  openConnection,
  Server,
  type ServerOptions,
  type ShutdownReport,
  startServer,
} from './net/index.ts';
export {
  type Duplex,
  type ReadUntilOptions,
  type Separator,
  StreamReader,
  type StreamReaderOptions,
  StreamWriter,
} from './streams/index.ts';
