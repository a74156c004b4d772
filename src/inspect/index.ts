// inspect: lets viewers look into the process, blocked or not. inspect/main answers on the main
// thread; inspect/worker, in a thread of its own, holds the control socket and the watchdog. Neither
// imports the other, and crossing.ts has what passes between them. May import: the pure rooms, introspect, inspect/protocol, inspect/sockets,
// net, hosts/node. Does not belong here: what is seen (introspect), and how it is shown (console).
export { allowBlocking } from './main/allow-blocking.ts';
export { attach, isPreloaded } from './main/attach.ts';
export {
  type Attributes,
  type ConnectionDiagnostics,
  type MessageDiagnostics,
  publishDiagnostics,
  type TaskDiagnostics,
} from './main/diagnostics.ts';
export { Inspector } from './main/inspector.ts';
export { enterRoom } from './main/enter-room.ts';
export {
  type InspectorOptions,
  type MetricsOptions,
  type RecordOptions,
  startInspector,
  type WebOptions,
} from './main/start-inspector.ts';
