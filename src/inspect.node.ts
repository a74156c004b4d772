// The door maitre/inspect on Node, Bun and Deno. It attaches an inspector if a flag preloaded it:
// `node --import maitre/inspect app.js`.
import { fileURLToPath } from 'node:url';
import { installNodeHost, setting } from './hosts/node/index.ts';
import { attach, isPreloaded } from './inspect/index.ts';
import { installNodeSystem } from './net/index.ts';

installNodeHost();
installNodeSystem();

const flags = [...process.execArgv, ...(setting('NODE_OPTIONS') ?? '').split(' ')];
const url = import.meta.url;
if (isPreloaded(flags, ['maitre/inspect', url, fileURLToPath(url)])) attach(setting('MAITRE_INSPECT') ?? '');

export {
  allowBlocking,
  type Attributes,
  type ConnectionDiagnostics,
  Inspector,
  type InspectorOptions,
  type MessageDiagnostics,
  type MetricsOptions,
  publishDiagnostics,
  type RecordOptions,
  startInspector,
  type TaskDiagnostics,
  type WebOptions,
} from './inspect/index.ts';
