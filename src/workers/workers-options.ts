// The options of serveWorkers and their checks.
import {
  callback,
  type Check,
  type Checks,
  checkOptions,
  integer,
  isObject,
  notNegativeMs,
  objectOf,
  ofType,
  oneOf,
  positiveMs,
  wrongValue,
} from '../base/index.ts';
import type { ResourceOptions } from '../core/index.ts';
import { checkServerOptions, SERVER, type ServerOptions } from '../net/index.ts';
import type { RestartOptions } from './restarts.ts';
import type { WorkersListener } from './workers-events.ts';

/** The options of serveWorkers that say nothing of the server. */
export interface CrewOptions extends ResourceOptions {
  /**
   * How many workers serve. `auto`: as many as the process has processors
   * (`os.availableParallelism()`). Default `auto`.
   */
  readonly workers?: number | 'auto' | undefined;
  /**
   * What a worker is. Threads share the memory and the fate of the process: one that leaves it none, or
   * crashes in native code, ends all. Processes are apart. Default: threads where the runtime can move a connection
   * to one (Node.js 24.21 and 26.6 or later) and no Unix socket is asked for, else processes.
   */
  readonly isolate?: 'threads' | 'processes' | undefined;
  /** Milliseconds that clients of a worker have to finish when it is replaced. Default 10,000. */
  readonly grace?: number | undefined;
  /**
   * Milliseconds that a worker has to load FILE, to listen, and to pass `ready`. Default 30,000.
   */
  readonly readyTimeout?: number | undefined;
  /**
   * Milliseconds, at least 3,000: a worker whose loop does not turn for that long is ended and
   * replaced. Infinity: never. Default 10,000.
   */
  readonly killTimeout?: number | undefined;
  /**
   * Milliseconds after which a worker is replaced, as by a reload. Each worker takes up to a tenth
   * less, so that they do not go together. Default: never.
   */
  readonly maxLifetime?: number | undefined;
  /**
   * Bytes above which a worker is replaced, as by a reload: heap and external memory of a thread,
   * resident memory of a process. Each worker takes up to a tenth less. Default: no limit.
   */
  readonly maxMemory?: number | undefined;
  /** How often a worker that crashed is replaced before its place stays empty. */
  readonly restarts?: RestartOptions | undefined;
  /**
   * Receives what happens. Default: what goes wrong with workers goes to the exception handler.
   */
  readonly onEvent?: WorkersListener | undefined;
}

/** Functions that cannot reach the workers. */
interface NoFunctions {
  readonly onError?: undefined;
  readonly onEnd?: undefined;
  readonly onRefused?: undefined;
}

/**
 * Options of serveWorkers: its own, and those of `startServer` for the default export of FILE. The
 * latter are sent to the workers, so they may hold no functions.
 */
export type WorkersOptions = ServerOptions & CrewOptions & NoFunctions;

/** The least `killTimeout`: three pulses of a worker. */
const LEAST_KILL_TIMEOUT = 3000;
const ACTION = 'serve with workers';

const workerCount: Check = (action, name, value) => {
  const isCount = typeof value === 'number' && Number.isInteger(value) && value >= 1;
  if (value !== 'auto' && !isCount) throw wrongValue(action, name, "an integer >= 1 or 'auto'", value, 'number');
};

/** The checks of the options that say nothing of the server. */
export const CREW: Checks<CrewOptions> = {
  name: ofType('string', 'text', () => true),
  workers: workerCount,
  isolate: oneOf('threads or processes'),
  grace: notNegativeMs,
  readyTimeout: positiveMs,
  killTimeout: ofType(
    'number',
    `a number of milliseconds >= ${LEAST_KILL_TIMEOUT}`,
    (value) => value >= LEAST_KILL_TIMEOUT,
  ),
  maxLifetime: positiveMs,
  maxMemory: integer(1, Infinity),
  restarts: objectOf({ limit: integer(0, Infinity), within: positiveMs } satisfies Checks<RestartOptions>),
  onEvent: callback,
};

/**
 * Checks the options of serveWorkers, and separates those of the server.
 * @throws TypeError or RangeError for the first that is wrong, unknown, or cannot be sent to a worker
 */
export function splitOptions(options: WorkersOptions): { readonly crew: CrewOptions; readonly server: ServerOptions } {
  checkOptions(ACTION, options, { ...SERVER, ...CREW });
  const crew: Record<string, unknown> = {};
  const server: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (Object.hasOwn(CREW, name)) crew[name] = value;
    else {
      const place = findFunction(name, value);
      if (place !== undefined) throw cannotCross(place);
      server[name] = value;
    }
  }
  checkServerOptions(server);
  return { crew, server };
}

/** Checks a number of workers. @throws TypeError or RangeError */
export function checkCount(action: string, count: number): void {
  integer(1)(action, 'the number of workers', count);
}

/** Returns where in a value a function is: `tls.SNICallback`. Undefined if there is none. */
function findFunction(name: string, value: unknown): string | undefined {
  if (typeof value === 'function') return name;
  if (!isObject(value) || Object.getPrototypeOf(value) !== Object.prototype) return undefined;
  for (const [key, member] of Object.entries(value)) {
    const place = findFunction(`${name}.${key}`, member);
    if (place !== undefined) return place;
  }
  return undefined;
}

function cannotCross(place: string): TypeError {
  return new TypeError(
    `Cannot ${ACTION}: ${place} is a function, and a function cannot be sent to a worker; ` +
      'pass it to startServer or serveHttp in the file, and export no default there',
  );
}
