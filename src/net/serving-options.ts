// The options of servers, and the checks of those that a server in memory has too. They are checked
// at once, and an error says what was expected and what came. server-options.ts has the rest.
import { type Check, type Checks, flag, integer, integerFrom, ofType, positiveMs } from '../base/index.ts';
import { ADMISSION, type AdmissionOptions } from './admission.ts';
import { type ConnectionLimits, LIMITS } from './limits.ts';
import { type ReportOptions, REPORTS } from './server-reports.ts';
import type { ServerTlsOptions } from './tls-options.ts';

/**
 * How many clients may wait: in the kernel until they are accepted, and then for a place among
 * maxConnections.
 */
export const DEFAULT_BACKLOG = 4096;

interface CommonOptions extends ConnectionLimits, AdmissionOptions, ReportOptions {
  /** Bytes: the limit of each reader. Default 65,536. */
  readonly limit?: number | undefined;
  /** Bytes: the most that a `read()` to the end may take. Default 64 MiB. */
  readonly readLimit?: number | undefined;
  /**
   * Bytes of memory that the readers and writers of all connections may take together. Above it,
   * the server stops reading from the connections that hold most. After 5 seconds it ends and
   * reports the largest, until the rest takes less than three quarters. Default 1 GiB, or half of
   * the memory that the process may use, if that is less. Infinity: no limit.
   */
  readonly maxTotalBuffered?: number | undefined;
  /**
   * How many clients may wait: in the kernel (which may allow fewer) until they are accepted, then
   * for a place among `maxConnections`. Default 4096.
   */
  readonly backlog?: number | undefined;
  /**
   * Lets several processes listen on one port, among which the kernel distributes connections.
   * Needs Linux and Node.js 22.12 or later. Default false.
   */
  readonly reusePort?: boolean | undefined;
  /**
   * Whether `startServer` listens before it resolves. With false, the server listens from
   * `startServing()` or `serveForever()` on. Default true.
   */
  readonly startServing?: boolean | undefined;
  /** Sends small writes at once (TCP_NODELAY). Default true. */
  readonly noDelay?: boolean | undefined;
  /** Makes the kernel probe silent connections. Default false. */
  readonly keepAlive?: boolean | undefined;
  /**
   * How many connections are served at once. More clients are accepted and wait unread. When more
   * than `backlog` of them wait, the server refuses the next with a reset. Default: no limit.
   */
  readonly maxConnections?: number | undefined;
  /**
   * How many handlers run at once. With 1, the server serves one client after the other. Default:
   * no limit.
   */
  readonly concurrency?: number | undefined;
  /**
   * Speaks TLS with every client. Takes the names of node:tls: `key`, `cert`, `ca`, `requestCert`,
   * `SNICallback`, `ALPNProtocols`, ... Default: plain text.
   */
  readonly tls?: ServerTlsOptions | undefined;
  /** Milliseconds that a client has for the TLS handshake or the PROXY header. Default 60,000. */
  readonly handshakeTimeout?: number | undefined;
  /**
   * Milliseconds that a closing TLS connection waits for the client's close_notify. Default 5,000.
   */
  readonly closeNotifyTimeout?: number | undefined;
  /**
   * Reads a PROXY protocol header, version 1 or 2, from every client before its handler begins.
   * `connection.peer` is then the client behind the balancer. A client that sends no header is
   * ended and reported. Set it only on servers that nobody but the balancer can reach: anyone else
   * could claim any address. Default false.
   */
  readonly proxyProtocol?: boolean | undefined;
}

/**
 * Options of `startServer`. An address is one of `host` and `port`, `path`, or `fd`; the types
 * exclude mixtures.
 */
export type ServerOptions = CommonOptions &
  (
    | {
        /** A name or address, or an array of them. Default: all interfaces. */
        readonly host?: string | readonly string[] | undefined;
        /** 0 to 65535. With 0, the default, the system chooses a free port. */
        readonly port?: number | undefined;
        readonly path?: undefined;
        readonly mode?: undefined;
        readonly fd?: undefined;
      }
    | {
        /**
         * The path of a Unix socket; a leading zero byte makes it a name in the abstract namespace.
         */
        readonly path: string;
        /**
         * Permissions of the socket's file, 0 to 0o777: who may connect. The file has them from the
         * moment it appears at the path. Default: what the umask of the process leaves.
         */
        readonly mode?: number | undefined;
        readonly host?: undefined;
        readonly port?: undefined;
        readonly fd?: undefined;
      }
    | {
        /**
         * The descriptor of a listening TCP or Unix socket that another process opened, or an array
         * of them: see `listenFds`. The server closes them when it closes, or when it cannot
         * listen. Another process that holds them keeps the address, and a path is not removed.
         */
        readonly fd: number | readonly number[];
        readonly host?: undefined;
        readonly port?: undefined;
        readonly path?: undefined;
        readonly mode?: undefined;
      }
  );

/** What a server does, in the errors of its options. */
export const ACTION = 'start server';

/** The host of a server. The empty string means all interfaces. */
const anyHost: Check = ofType('string', 'a name or address', isHostText);

/** The check of a name or address to connect to or send to: not empty. */
export const hostName: Check = ofType('string', 'a name or address', (name) => name !== '' && isHostText(name));

/** The check of a port, 0 to 65535. */
export const portNumber: Check = integerFrom(0, 65535);

/** The check of the path of a Unix socket, or of an abstract name, of at most `longest` bytes. */
export function pathUpTo(longest: number): Check {
  return ofType('string', `the path of a Unix socket, at most ${longest} bytes`, (path) => {
    // A name in the abstract namespace begins with a zero byte and may have more. Elsewhere the
    // system cuts a path at a zero byte.
    const isCut = !path.startsWith('\0') && path.includes('\0');
    return path !== '' && !isCut && new TextEncoder().encode(path).length <= longest;
  });
}

/** The options of startServer but those that mean nothing without a system. */
export const SERVING: Checks<Omit<ServerOptions, 'path' | 'fd' | 'tls'>> = {
  mode: integerFrom(0, 0o777),
  host: oneOrMore(anyHost, 'the list of hosts is empty'),
  port: portNumber,
  limit: integer(1, Infinity),
  readLimit: integer(1, Infinity),
  maxTotalBuffered: integer(1, Infinity),
  maxConnections: integer(1, Infinity),
  concurrency: integer(1, Infinity),
  ...ADMISSION,
  ...LIMITS,
  backlog: integerFrom(1, 2 ** 31 - 1), // listen(2) takes a 32-bit int
  handshakeTimeout: positiveMs,
  closeNotifyTimeout: positiveMs,
  reusePort: flag,
  startServing: flag,
  noDelay: flag,
  keepAlive: flag,
  proxyProtocol: flag,
  ...REPORTS,
};

/** Checks the options of a server together, once each is right alone. @throws TypeError */
export function checkTogether(options: ServerOptions): void {
  const { path, mode, reusePort } = options;
  if (path !== undefined && hasPort(options)) throw wrongTogether('give either path, or host and port');
  if (path !== undefined && reusePort === true) throw wrongTogether('reusePort is for ports, a path has one server');
  if (mode !== undefined && path === undefined) throw wrongTogether('mode is for path, the file of a Unix socket');
  if (mode !== undefined && path?.startsWith('\0')) {
    throw wrongTogether('mode is for files, and an abstract name has none');
  }
}

/** Whether the options name a host or a port. */
export function hasPort({ host, port }: ServerOptions): boolean {
  return host !== undefined || port !== undefined;
}

/** The check for a single value or a list of them that is not empty. */
export function oneOrMore(check: Check, empty: string): Check {
  return (action, name, value) => {
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (list.length === 0) throw new RangeError(`Cannot ${action}: ${empty}`);
    for (const each of list) check(action, name, each);
  };
}

/** The error for options that exclude each other. */
export function wrongTogether(what: string): TypeError {
  return new TypeError(`Cannot ${ACTION}: ${what}`);
}

/**
 * Whether text may be a name or an address. The system cuts a name at a zero byte, and would take
 * what comes before it for the whole name.
 */
function isHostText(host: string): boolean {
  return !/[\0-\x20\x7f]/.test(host);
}
