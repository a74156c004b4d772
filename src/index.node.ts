// The root door on Node, Bun and Deno: the pure rooms joined to this host.
import { host, reportException } from './core/index.ts';
import { installNodeHost, setDump, setting } from './hosts/node/index.ts';
import { installNodeSystem } from './net/index.ts';

installNodeHost();
installNodeSystem();

// What looks into the program is loaded when somebody looks: it is a fifth of the time that this door
// takes to load.
setDump(() => {
  import('./introspect/index.ts').then(
    ({ dumpText, takeSnapshot }) => host.report(dumpText(takeSnapshot())),
    (error: unknown) => reportException({ message: 'The dump could not be printed', error }),
  );
});

// MAITRE_INSPECT=1 attaches an inspector.
const inspect = setting('MAITRE_INSPECT') ?? '0';
if (!/^(?:0|false|)$/.test(inspect)) {
  import('./inspect/index.ts').then(
    ({ attach }) => attach(inspect),
    (error: unknown) => reportException({ message: 'The inspector did not start', error }),
  );
}

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
