// startServer's options: checked at once, each with what was expected and what came.
import { describe, unknownOption } from '../base/index.ts';
import { type AdmissionOptions, checkBlockList } from './admission.ts';
import { type ConnectionLimits, LIMITS } from './limits.ts';
import type { ReportOptions } from './server-reports.ts';
import { checkServerTls, type ServerTlsOptions } from './tls-options.ts';
import { LONGEST_PATH } from './unix-path.ts';

interface CommonOptions extends ConnectionLimits, AdmissionOptions, ReportOptions {
  /** Bytes: the readers' limit. Default 65536. */
  readonly limit?: number | undefined;
  /** Bytes: the most that `read()` to the end may take. Default 64 MiB. */
  readonly readLimit?: number | undefined;
  /**
   * Bytes of memory that the readers and writers of all its connections may take together. Above it the largest are not read
   * from; after 5 seconds they are ended and reported, until it is under three quarters. Default 1 GiB, or half of the memory
   * that the process may use, if that is less; Infinity: no limit.
   */
  readonly maxTotalBuffered?: number | undefined;
  /**
   * How many clients wait: in the kernel (which may allow fewer) until they are accepted, then for a place among
   * maxConnections. Default 4096.
   */
  readonly backlog?: number | undefined;
  /** Lets several processes listen on one port, and the kernel share connections out. Linux, Node >= 22.12. */
  readonly reusePort?: boolean | undefined;
  /** Default true; with false, it listens from `startServing()` or `serveForever()` on. */
  readonly startServing?: boolean | undefined;
  /** Sends small writes at once (TCP_NODELAY). Default true. */
  readonly noDelay?: boolean | undefined;
  /** Has the kernel probe silent connections. Default false. */
  readonly keepAlive?: boolean | undefined;
  /**
   * How many connections are served at once. More wait, accepted and unread, as in the backlog; more than `backlog` of those
   * are refused with a reset. Default: no limit.
   */
  readonly maxConnections?: number | undefined;
  /** How many handlers run at once; 1 is the blocking server, one table at a time. Default: no limit. */
  readonly concurrency?: number | undefined;
  /** Speaks TLS with every client: node:tls names (`key`, `cert`, `ca`, `requestCert`, `SNICallback`, `ALPNProtocols`, ...). */
  readonly tls?: ServerTlsOptions | undefined;
  /** Milliseconds a client gets for the TLS handshake. Default 60,000. */
  readonly handshakeTimeout?: number | undefined;
  /** Milliseconds a closing TLS connection waits for the client's close_notify. Default 5,000. */
  readonly closeNotifyTimeout?: number | undefined;
  /**
   * Reads a PROXY protocol header, version 1 or 2, from every client before its handler begins: `connection.peer` is then the
   * client behind the balancer. A client without one is ended, and reported. Only for servers that nobody else can reach.
   */
  readonly proxyProtocol?: boolean | undefined;
}

export type ServerOptions = CommonOptions &
  (
    | {
        /** A name or address, or several; default all interfaces. */
        readonly host?: string | readonly string[] | undefined;
        /** 0 to 65535; 0, the default, lets the system choose. */
        readonly port?: number | undefined;
        readonly path?: undefined;
        readonly mode?: undefined;
        readonly fd?: undefined;
      }
    | {
        /** A Unix socket. */
        readonly path: string;
        /**
         * The permissions of its file, 0 to 0o777: who may connect. It has them from the moment it appears at the path. Default: what
         * the umask of the process leaves.
         */
        readonly mode?: number | undefined;
        readonly host?: undefined;
        readonly port?: undefined;
        readonly fd?: undefined;
      }
    | {
        /**
         * A listening TCP or Unix socket that was handed over as a descriptor, or several: see `listenFds`. The server closes
         * them with itself, or when it cannot listen; whoever else holds them keeps the address, and a path stays.
         */
        readonly fd: number | readonly number[];
        readonly host?: undefined;
        readonly port?: undefined;
        readonly path?: undefined;
        readonly mode?: undefined;
      }
  );

/** What the system takes: a 32-bit number. */
const LARGEST_BACKLOG = 2 ** 31 - 1;

const KNOWN = new Set([
  'host',
  'port',
  'path',
  'mode',
  'fd',
  'limit',
  'readLimit',
  'maxTotalBuffered',
  'backlog',
  'reusePort',
  'startServing',
  'noDelay',
  'keepAlive',
  'maxConnections',
  'concurrency',
  'onError',
  'onRefused',
  'onEnd',
  'maxPerIp',
  'maxPerIpPrefix',
  'block',
  'allow',
  ...LIMITS,
  'tls',
  'handshakeTimeout',
  'closeNotifyTimeout',
  'proxyProtocol',
]);

/** Throws a TypeError or RangeError for the first option that is wrong or unknown. */
export function checkServerOptions(options: ServerOptions): void {
  const given = options as Record<string, unknown>;
  for (const name of Object.keys(given)) {
    if (!KNOWN.has(name)) throw unknownOption('start server', name);
  }
  if (options.path !== undefined && (options.host !== undefined || options.port !== undefined)) {
    throw new TypeError('Cannot start server: give either path, or host and port');
  }
  if (options.path !== undefined && options.reusePort === true) {
    throw new TypeError('Cannot start server: reusePort is for ports, a path has one server');
  }
  checkPath(options.path, 'start server');
  checkMode(options);
  if (options.fd !== undefined) checkFd(given);
  for (const host of Array.isArray(options.host) ? (options.host as unknown[]) : [options.host]) {
    checkHost('host', host, 'start server');
  }
  if (Array.isArray(options.host) && options.host.length === 0) {
    throw new RangeError('Cannot start server: the list of hosts is empty');
  }
  checkPort(options.port, 'start server');
  for (const name of ['limit', 'readLimit', 'maxTotalBuffered', 'maxConnections', 'concurrency', 'maxPerIp']) {
    checkCount(name, given[name], 'start server');
  }
  checkLimits(options, 'start server');
  checkInteger('backlog', options.backlog, 1, LARGEST_BACKLOG);
  checkInteger('maxPerIpPrefix', options.maxPerIpPrefix, 1, 128);
  for (const name of ['handshakeTimeout', 'closeNotifyTimeout']) checkPeriod(name, given[name], 'start server');
  if (options.tls !== undefined) checkServerTls(options.tls, 'start server');
  checkBlockList('block', given['block']);
  checkBlockList('allow', given['allow']);
  for (const name of ['reusePort', 'startServing', 'noDelay', 'keepAlive', 'proxyProtocol'])
    checkFlag(name, given[name], 'start server');
  for (const name of ['onError', 'onRefused', 'onEnd']) {
    if (given[name] !== undefined && typeof given[name] !== 'function') throw wrong(name, 'a function', given[name]);
  }
}

/** The permissions of a Unix socket's file. */
function checkMode({ mode, path }: ServerOptions): void {
  checkInteger('mode', mode, 0, 0o777);
  if (mode === undefined) return;
  if (path === undefined) throw new TypeError('Cannot start server: mode is for path, the file of a Unix socket');
  if (path.startsWith('\0'))
    throw new TypeError('Cannot start server: mode is for files, and an abstract name has none');
}

function checkFd({ fd, host, port, path, reusePort }: Record<string, unknown>): void {
  if (host !== undefined || port !== undefined || path !== undefined) {
    throw new TypeError('Cannot start server: give either fd, or an address (host and port, or path)');
  }
  if (reusePort === true) {
    throw new TypeError('Cannot start server: reusePort is for addresses, a descriptor is bound already');
  }
  const fds: unknown[] = Array.isArray(fd) ? fd : [fd];
  if (fds.length === 0) throw new RangeError('Cannot start server: the list of fd is empty, nothing was handed over');
  for (const each of fds) {
    const message = `Cannot start server: fd must be the number of an open descriptor, got ${describe(each)}`;
    if (typeof each !== 'number') throw new TypeError(message);
    if (!Number.isInteger(each) || each < 0) throw new RangeError(message);
  }
  if (new Set(fds).size < fds.length) {
    throw new RangeError(`Cannot start server: fd has a descriptor twice, got ${fds.join(', ')}`);
  }
}

/** A name or address; the empty one is all interfaces. */
function checkHost(name: string, host: unknown, action: string): void {
  if (host === undefined) return;
  const message = `Cannot ${action}: ${name} must be a name or address, got ${describe(host)}`;
  if (typeof host !== 'string') throw new TypeError(message);
  if (!isHostText(host)) throw new RangeError(message);
}

/** Whether text may be a name or an address: the system cuts it at a zero byte, and would take what is before for all of it. */
export function isHostText(host: string): boolean {
  return !/[\0-\x20\x7f]/.test(host);
}

export function checkPort(port: unknown, action: string): void {
  if (port === undefined) return;
  const message = `Cannot ${action}: port must be an integer from 0 to 65535, got ${describe(port)}`;
  if (typeof port !== 'number') throw new TypeError(message);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new RangeError(message);
}

export function checkPath(path: unknown, action: string): void {
  if (path === undefined) return;
  const message = `Cannot ${action}: path must be the path of a Unix socket, at most ${LONGEST_PATH} bytes, got ${describe(path)}`;
  if (typeof path !== 'string') throw new TypeError(message);
  // In the abstract namespace a zero byte begins the name and may be in it; elsewhere the system cuts a path at one.
  const isCut = !path.startsWith('\0') && path.includes('\0');
  if (path === '' || isCut || Buffer.byteLength(path) > LONGEST_PATH) throw new RangeError(message);
}

/** An integer >= 1, or Infinity. */
export function checkCount(name: string, value: unknown, action: string): void {
  if (value === undefined) return;
  const message = `Cannot ${action}: ${name} must be an integer >= 1, got ${describe(value)}`;
  if (typeof value !== 'number') throw new TypeError(message);
  if (!(value >= 1) || (value !== Infinity && !Number.isInteger(value))) throw new RangeError(message);
}

function checkInteger(name: string, value: unknown, least: number, most: number): void {
  if (value === undefined) return;
  const message = `Cannot start server: ${name} must be an integer from ${least} to ${most}, got ${describe(value)}`;
  if (typeof value !== 'number') throw new TypeError(message);
  if (!Number.isInteger(value) || value < least || value > most) throw new RangeError(message);
}

/** The limits of connections. */
export function checkLimits(limits: ConnectionLimits, action: string): void {
  for (const name of ['minReceiveRate', 'maxBuffered'] as const) checkCount(name, limits[name], action);
  if (limits.minReceiveRate === Infinity) {
    throw new RangeError(`Cannot ${action}: minReceiveRate must be finite, got Infinity`);
  }
  for (const name of ['idleTimeout', 'readTimeout', 'writeTimeout', 'lifetime'] as const)
    checkPeriod(name, limits[name], action);
}

/** Milliseconds > 0, or Infinity. */
export function checkPeriod(name: string, value: unknown, action: string): void {
  if (value === undefined) return;
  const message = `Cannot ${action}: ${name} must be a number of milliseconds > 0, got ${describe(value)}`;
  if (typeof value !== 'number') throw new TypeError(message);
  if (!(value > 0)) throw new RangeError(message);
}

export function checkFlag(name: string, value: unknown, action: string): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw new TypeError(`Cannot ${action}: ${name} must be true or false, got ${describe(value)}`);
}

function wrong(name: string, expected: string, value: unknown): TypeError {
  return new TypeError(`Cannot start server: ${name} must be ${expected}, got ${describe(value)}`);
}
