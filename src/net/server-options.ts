// startServer's options: checked at once, each with what was expected and what came.
import {
  type Check,
  type Checks,
  checkOptions,
  positiveMs,
  flag,
  integerFrom,
  integer,
  ofType,
} from '../base/index.ts';
import { ADMISSION, type AdmissionOptions } from './admission.ts';
import { type ConnectionLimits, LIMITS } from './limits.ts';
import { type ReportOptions, REPORTS } from './server-reports.ts';
import { serverTls, type ServerTlsOptions } from './tls-options.ts';
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

const ACTION = 'start server';

/** Of a server: the empty one is all interfaces. */
const anyHost: Check = ofType('string', 'a name or address', isHostText);

export const hostName: Check = ofType('string', 'a name or address', (name) => name !== '' && isHostText(name));

export const portNumber: Check = integerFrom(0, 65535);

export const unixPath: Check = ofType('string', `the path of a Unix socket, at most ${LONGEST_PATH} bytes`, (path) => {
  // In the abstract namespace a zero byte begins the name and may be in it; elsewhere the system cuts a path at one.
  const isCut = !path.startsWith('\0') && path.includes('\0');
  return path !== '' && !isCut && Buffer.byteLength(path) <= LONGEST_PATH;
});

const descriptor: Check = ofType('number', 'the number of an open descriptor', (fd) => Number.isInteger(fd) && fd >= 0);

/** All options of startServer. */
export const SERVER: Checks<ServerOptions> = {
  path: unixPath,
  mode: integerFrom(0, 0o777),
  fd: oneOrMore(descriptor, 'the list of fd is empty, nothing was handed over'),
  host: oneOrMore(anyHost, 'the list of hosts is empty'),
  port: portNumber,
  limit: integer(1, Infinity),
  readLimit: integer(1, Infinity),
  maxTotalBuffered: integer(1, Infinity),
  maxConnections: integer(1, Infinity),
  concurrency: integer(1, Infinity),
  ...ADMISSION,
  ...LIMITS,
  backlog: integerFrom(1, 2 ** 31 - 1), // what the system takes: a 32-bit number
  handshakeTimeout: positiveMs,
  closeNotifyTimeout: positiveMs,
  tls: serverTls,
  reusePort: flag,
  startServing: flag,
  noDelay: flag,
  keepAlive: flag,
  proxyProtocol: flag,
  ...REPORTS,
};

/** Throws a TypeError or RangeError for the first option that is wrong or unknown. */
export function checkServerOptions(options: ServerOptions): void {
  checkOptions(ACTION, options, SERVER, '', { shutdownTimeout: 'closeNotifyTimeout' });
  const { path, mode, fd, reusePort } = options;
  const hasPort = options.host !== undefined || options.port !== undefined;
  if (path !== undefined && hasPort) throw wrongTogether('give either path, or host and port');
  if (path !== undefined && reusePort === true) throw wrongTogether('reusePort is for ports, a path has one server');
  if (mode !== undefined && path === undefined) throw wrongTogether('mode is for path, the file of a Unix socket');
  if (mode !== undefined && path?.startsWith('\0')) {
    throw wrongTogether('mode is for files, and an abstract name has none');
  }
  if (fd === undefined) return;
  if (hasPort || path !== undefined) throw wrongTogether('give either fd, or an address (host and port, or path)');
  if (reusePort === true) throw wrongTogether('reusePort is for addresses, a descriptor is bound already');
  if (Array.isArray(fd) && new Set(fd).size < fd.length) {
    throw new RangeError(`Cannot ${ACTION}: fd has a descriptor twice, got ${fd.join(', ')}`);
  }
}

/** A value, or a list that is not empty. */
function oneOrMore(check: Check, empty: string): Check {
  return (action, name, value) => {
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (list.length === 0) throw new RangeError(`Cannot ${action}: ${empty}`);
    for (const each of list) check(action, name, each);
  };
}

function wrongTogether(what: string): TypeError {
  return new TypeError(`Cannot ${ACTION}: ${what}`);
}

/** Whether text may be a name or an address: the system cuts it at a zero byte, and would take what is before for all of it. */
function isHostText(host: string): boolean {
  return !/[\0-\x20\x7f]/.test(host);
}
