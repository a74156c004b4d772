// workers: one supervisor and its workers, for many cores, and for a reload that loses no client. serve/
// loads a FILE and serves it, in a worker or in the only process.
// May import: the pure rooms, introspect, net, http, hosts/node, inspect; `node:`.
// Does not belong here: what is printed, and the command line (cli).
export { Deck } from './deck.ts';
export { isWorker, type ThisWorker, worker } from './in-worker.ts';
export { canMoveSockets } from './can-move-sockets.ts';
export { processLeaves } from './process-leaf.ts';
export { threadLeaves } from './thread-leaf.ts';
export { loadHandler } from './serve/load-handler.ts';
export type {
  ClientEndedEvent,
  ClientOpenedEvent,
  ErrorEvent,
  Inspected,
  ReadyEvent,
  RequestEvent,
  ServeEvent,
  ServeListener,
  StoppedEvent,
  StoppingEvent,
} from './serve/serve-events.ts';
export { ServeError } from './serve/serve-error.ts';
export { serveHere } from './serve/serve-here.ts';
export { serveWorkers } from './serve-workers.ts';
export { Supervisor, type SupervisorShutdownOptions } from './supervisor.ts';
export type { SupervisorReport, SupervisorStatistics, WorkerEnd, WorkerRow } from './supervisor-report.ts';
export type { MemberState } from './member.ts';
export type { WorkerFailure } from './protocol.ts';
export type { ReloadReport } from './roll.ts';
export type { RestartOptions } from './restarts.ts';
export type { CrewOptions, WorkersOptions } from './workers-options.ts';
export type {
  ReloadEvent,
  WarningEvent,
  WorkerName,
  WorkerOutcome,
  WorkerServeEvent,
  WorkersEvent,
  WorkersListener,
  WorkerStateEvent,
} from './workers-events.ts';
export { WorkerBroadcast, type WorkerBroadcastOptions, type WorkerBroadcastStatistics } from './worker-broadcast.ts';
export type { ClientToSend, LeafMaker, WorkerLeaf } from './worker-leaf.ts';
export { openSystemd, type Systemd } from './systemd.ts';
