// startInspector: one inspector a process.
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import {
  type Check,
  type Checks,
  checkOptions,
  flag,
  integer,
  isObject,
  ofType,
  positiveMs,
  wrongValue,
} from '../../base/index.ts';
import { InvalidStateError } from '../../core/index.ts';
import { packageVersion } from '../../hosts/node/index.ts';
import type { RoomSeat, Settings } from '../crossing.ts';
import { prepareSocketFolder, socketFolders, socketNames } from '../sockets/index.ts';
import { Inspector } from './inspector.ts';

/** Options of `startInspector`. */
export interface InspectorOptions {
  /**
   * The path of the control socket, or false for none. Default: `$XDG_RUNTIME_DIR/maitre/<pid>.sock`
   * or, without that variable, `/tmp/maitre-<uid>/<pid>.sock`. There `maitre ps` and the other
   * commands find it.
   */
  readonly socket?: string | false | undefined;
  /** If true, viewers may cancel tasks and clients. Default: false, they only look. */
  readonly control?: boolean | undefined;
  /**
   * After how many milliseconds without a turn the loop counts as blocked. Default: 100. Blocks
   * shorter than about 50 ms are not seen.
   */
  readonly blockAfter?: number | undefined;
  /**
   * Serves the page on this machine: true, or where. `host` defaults to `127.0.0.1`, `port` to 0,
   * any free one. `inspector.page` is its address. Default: false.
   */
  readonly web?: boolean | WebOptions | undefined;
  /**
   * Whether the recorder runs from the start, so that viewers can look at the past: true measures
   * one step in 64, `'full'` each one. `{ bytes }` sets the size of its ring; default: 8 MiB.
   * Default: false, it runs only while a recording is asked for.
   */
  readonly record?: boolean | 'full' | RecordOptions | undefined;
  /**
   * Serves metrics for Prometheus at `/metrics`, on a port of its own. Default: none. A block does not
   * stop them.
   */
  readonly metrics?: MetricsOptions | undefined;
}

/** Where the metrics are served, and for whom. */
export interface MetricsOptions {
  /** What scrapers send as `Authorization: Bearer TOKEN`, at least 16 characters. */
  readonly token: string;
  /** An address of this machine. Default: `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Default: 0, any free one; `inspector.metricsPort` is which. */
  readonly port?: number | undefined;
}

/** Where the page is served. */
export interface WebOptions {
  /** An address of this machine. Default: `127.0.0.1`. Others than this machine see what it serves. */
  readonly host?: string | undefined;
  /** Default: 0, any free one. */
  readonly port?: number | undefined;
}

/** How the recorder of an inspector runs. */
export interface RecordOptions {
  /** The size of the ring. Default: 8 MiB. */
  readonly bytes?: number | undefined;
  /** Whether each step is measured. Default: false, one in 64 is. */
  readonly full?: boolean | undefined;
}

/** The checks of `record`. */
export const RECORD: Checks<RecordOptions> = { bytes: integer(4096), full: flag };

const recorder: Check = (action, name, value) => {
  if (typeof value === 'boolean' || value === 'full') return;
  if (!isObject(value)) throw wrongValue(action, name, "true, false, 'full' or an object", value);
  checkOptions(action, value, RECORD, `${name}.`);
};

const socketPath: Check = (action, name, value) => {
  if (value === false || (typeof value === 'string' && value !== '' && !value.startsWith('\0'))) return;
  throw wrongValue(action, name, 'a path or false', value, 'string');
};

const address: Check = ofType('string', 'an address', (host) => host !== '');
const port: Check = ofType(
  'number',
  'an integer from 0 to 65535',
  (number) => Number.isInteger(number) && number >= 0 && number < 65_536,
);

/** The checks of `web`, and of `metrics`. */
export const WEB: Checks<WebOptions> = { host: address, port };
export const METRICS: Checks<MetricsOptions> = {
  token: ofType('string', 'a text of at least 16 characters without spaces', (token) => /^[!-~]{16,}$/.test(token)),
  host: address,
  port,
};

const web: Check = (action, name, value) => {
  if (typeof value !== 'boolean') checkOptions(action, value, WEB, `${name}.`);
};

const metrics: Check = (action, name, value) => {
  checkOptions(action, value, METRICS, `${name}.`);
  if ((value as MetricsOptions).token === undefined) METRICS.token(action, `${name}.token`, undefined); // an object: see above
};

/** The checks of all options of `startInspector`. */
export const INSPECTOR: Checks<InspectorOptions> = {
  socket: socketPath,
  control: flag,
  blockAfter: positiveMs,
  record: recorder,
  web,
  metrics,
};

const DEFAULT_BLOCK_AFTER = 100;
const LOOPBACK = '127.0.0.1';

/** The one that runs; undefined for none. */
let running: Inspector | undefined;

/** The options of the one that runs, if no code has started it; undefined otherwise. */
let attached: InspectorOptions | undefined;

/** The inspector that runs; undefined for none. */
export function runningInspector(): Inspector | undefined {
  return running?.closed === false ? running : undefined;
}

/**
 * Lets viewers look into this process: `maitre ps` and the other commands, and programs that speak
 * the protocol. A worker thread answers them, so they see the process while it is blocked, too.
 * Resolves when it answers. It does not keep the process alive.
 * @param options where it listens, what it allows and collects; durations are milliseconds
 * @returns the inspector; closing it ends it. If MAITRE_INSPECT or a flag has attached one with at
 * least these options, that one
 * @throws InvalidStateError if one runs already, outside of the main thread, and if others could
 * reach the socket; TypeError or RangeError for wrong options; the system's error when it cannot
 * listen
 *
 * @example
 * ```ts
 * import { startInspector } from 'maitre/inspect';
 * await using inspector = await startInspector();
 * console.log(inspector.socket); // /run/user/1000/maitre/4242.sock
 * ```
 */
export function startInspector(options: InspectorOptions = {}): Promise<Inspector> {
  return start(options, true);
}

/**
 * As `startInspector`.
 * @param hold whether the process waits until it answers
 */
export async function start(options: InspectorOptions, hold: boolean): Promise<Inspector> {
  checkOptions('start inspector', options, INSPECTOR);
  if (!isMainThread) throw new InvalidStateError('Cannot start inspector: only the main thread can have one');
  const other = runningInspector();
  if (other !== undefined) return takeOver(other, options);
  const {
    socket,
    control = false,
    blockAfter = DEFAULT_BLOCK_AFTER,
    record = false,
    web: page = false,
    metrics: scraped,
  } = options;
  const inspector = new Inspector(
    {
      sockets: socket === undefined ? ownSockets() : socket === false ? [] : [socket],
      control,
      record: recordingOf(record),
      blockAfter,
      web: placeOf(page),
      metrics: scraped === undefined ? null : { host: LOOPBACK, port: 0, ...definedOf(scraped) },
      isRoom: false,
    },
    packageVersion(),
  );
  running = inspector;
  attached = hold ? undefined : options;
  await inspector.ready(hold);
  return inspector;
}

/** Starts the inspector of a process that is a worker: the one of its supervisor asks it. */
export async function enterProcessRoom({
  socket,
  control,
  record,
  blockAfter,
}: Extract<RoomSeat, { kind: 'process' }>): Promise<void> {
  const settings = { sockets: [socket], control, record, blockAfter, web: null, metrics: null, isRoom: true };
  const inspector = new Inspector(settings, packageVersion());
  running = inspector;
  await inspector.ready(true);
}

/**
 * Resolves with the inspector that runs, if it was attached: the program and whoever has started it
 * want one each. The first call makes it the program's own.
 */
async function takeOver(other: Inspector, options: InspectorOptions): Promise<Inspector> {
  if (attached === undefined) throw new InvalidStateError('Cannot start inspector: one runs already, close it first');
  const has: Readonly<Record<string, unknown>> = { ...attached };
  const wrong = Object.entries(options).find(([name, value]) => value !== undefined && value !== (has[name] ?? false));
  if (wrong !== undefined)
    throw new InvalidStateError(
      `Cannot start inspector: MAITRE_INSPECT or a flag has attached one with another ${wrong[0]}; ` +
        'name it in MAITRE_INSPECT, or set MAITRE_INSPECT=0 to have only your own',
    );
  attached = undefined;
  await other.ready(true);
  return other;
}

/** The options without those that are undefined. */
function definedOf<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const defined = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(defined) as { [K in keyof T]: Exclude<T[K], undefined> }; // of its own entries
}

function placeOf(page: boolean | WebOptions): Settings['web'] {
  if (page === false) return null;
  return { host: LOOPBACK, port: 0, ...(page === true ? {} : definedOf(page)) };
}

function recordingOf(record: boolean | 'full' | RecordOptions): Settings['record'] {
  if (record === false) return null;
  const { bytes, full = record === 'full' } = typeof record === 'object' ? record : {};
  return { bytes, full };
}

/** The paths for the socket of this process, in the folder of the sockets. */
function ownSockets(): string[] {
  const [folder] = socketFolders();
  prepareSocketFolder(folder);
  return socketNames(process.pid).map((name) => join(folder, name));
}
