// The door maitre/workers on Node, Bun and Deno.
import { installNodeHost } from './hosts/node/index.ts';
import { installNodeSystem } from './net/index.ts';

installNodeHost();
installNodeSystem();

export {
  type ClientEndedEvent,
  type ClientOpenedEvent,
  type CrewOptions,
  type ErrorEvent,
  type Inspected,
  isWorker,
  type MemberState,
  type ReadyEvent,
  type ReloadEvent,
  type ReloadReport,
  type RequestEvent,
  type RestartOptions,
  ServeError,
  type ServeEvent,
  serveWorkers,
  type StoppedEvent,
  type StoppingEvent,
  Supervisor,
  type SupervisorReport,
  type SupervisorShutdownOptions,
  type SupervisorStatistics,
  type ThisWorker,
  type WarningEvent,
  worker,
  WorkerBroadcast,
  type WorkerBroadcastOptions,
  type WorkerBroadcastStatistics,
  type WorkerEnd,
  type WorkerFailure,
  type WorkerName,
  type WorkerOutcome,
  type WorkerRow,
  type WorkerServeEvent,
  type WorkersEvent,
  type WorkersListener,
  type WorkersOptions,
  type WorkerStateEvent,
} from './workers/index.ts';
