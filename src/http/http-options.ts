// The options of serveHttp: those of startServer that mean something for HTTP, and its own.
import { BlockList, isIP } from 'node:net';
import {
  type Check,
  type Checks,
  callback,
  checkOptions,
  flag,
  integer,
  ofType,
  positiveMs,
  wrongValue,
} from '../base/index.ts';
import { checkServerOptions, SERVER, type ServerOptions } from '../net/index.ts';
import type { AccessEntry } from './access-log.ts';
import type { HttpRequestInfo } from './request-info.ts';

/** Options of startServer that say nothing about HTTP: it reads and writes the sockets itself. */
type OfStreams =
  | 'limit'
  | 'readLimit'
  | 'readTimeout'
  | 'minReceiveRate'
  | 'maxBuffered'
  | 'closeNotifyTimeout'
  | 'onError';

/** What is special to HTTP. */
export interface HttpOwnOptions {
  /**
   * Milliseconds that a request may take, from its arrival to the end of its handler. Then the
   * client is answered with `timeoutStatus`, and the handler is cancelled. Default: no limit.
   */
  readonly timeout?: number | undefined;
  /** The status of an answer that took too long: 503 or 504. Default 503. */
  readonly timeoutStatus?: 503 | 504 | undefined;
  /**
   * Whether a client that leaves cancels the handler of its request: for all, or a function that
   * says it of each. `requestInfo(request).keepRunning()` says it for one. Default true.
   */
  readonly cancelOnDisconnect?: boolean | ((info: HttpRequestInfo) => boolean) | undefined;
  /** Bytes that the body of a request may have. Above it, the answer is 413. Default 16 MiB. */
  readonly maxBodySize?: number | undefined;
  /** Bytes that the head of a request may have. Above it, the answer is 431. Default 16,384. */
  readonly maxHeaderSize?: number | undefined;
  /** Milliseconds that a client has for the head of a request. Then the answer is 408. Default 60,000. */
  readonly headersTimeout?: number | undefined;
  /**
   * Milliseconds that a client has for a whole request, body included. Then the answer is 408, or the
   * connection ends if an answer has begun. Default 300,000. Infinity: no limit.
   */
  readonly requestTimeout?: number | undefined;
  /** Milliseconds that a connection stays open between two requests. Default 5,000. */
  readonly keepAliveTimeout?: number | undefined;
  /**
   * Called for each request once it has ended: for an access log. True prints a line for each to
   * standard output. Default: no log.
   */
  readonly log?: boolean | ((entry: AccessEntry) => void) | undefined;
  /**
   * Addresses and networks of proxies whose forwarded headers and request ids count: `10.0.0.0/8`,
   * `::1`; `unix` means the peers of Unix sockets. Default: none.
   */
  readonly trustedProxies?: readonly string[] | undefined;
  /** With TLS, whether clients may choose HTTP/2. Default true, where the runtime has it. */
  readonly http2?: boolean | undefined;
  /**
   * Receives what handlers throw. The client has its answer by then. Default: the exception handler,
   * with `context.request`.
   */
  readonly onError?: ((error: unknown, info: HttpRequestInfo) => void) | undefined;
  /**
   * Whether the global Request and Response are replaced by faster ones, as @hono/node-server does.
   * They stay replaced. False costs about half of the speed. Default true.
   */
  readonly overrideGlobals?: boolean | undefined;
}

/** Options of `serveHttp`: its own, and those of `startServer` about addresses, clients and limits. */
export type HttpOptions = Omit<ServerOptions, OfStreams | keyof HttpOwnOptions> & HttpOwnOptions;

const ACTION = 'serve HTTP';
export const MAX_BODY_SIZE: number = 16 * 1024 * 1024;

const status: Check = ofType('number', '503 or 504', (value) => value === 503 || value === 504);

function flagOrFunction(action: string, name: string, value: unknown): void {
  if (typeof value !== 'boolean' && typeof value !== 'function')
    throw wrongValue(action, name, 'true, false or a function', value);
}

function proxies(action: string, name: string, value: unknown): void {
  if (!Array.isArray(value)) throw wrongValue(action, name, 'an array of addresses and networks', value);
  for (const each of value as readonly unknown[]) networkOf(action, name, each);
}

/** The options that are special to HTTP. */
export const HTTP: Checks<HttpOwnOptions> = {
  timeout: positiveMs,
  timeoutStatus: status,
  cancelOnDisconnect: flagOrFunction,
  maxBodySize: integer(0, Infinity),
  maxHeaderSize: integer(1),
  headersTimeout: positiveMs,
  requestTimeout: positiveMs,
  keepAliveTimeout: positiveMs,
  log: flagOrFunction,
  trustedProxies: proxies,
  http2: flag,
  onError: callback,
  overrideGlobals: flag,
};

const OF_STREAMS: readonly (OfStreams | 'onError')[] = [
  'limit',
  'readLimit',
  'readTimeout',
  'minReceiveRate',
  'maxBuffered',
  'closeNotifyTimeout',
  'onError',
];
const ALL = { ...withoutStreams(SERVER), ...HTTP };

function withoutStreams(checks: Readonly<Record<string, Check>>): Record<string, Check> {
  return Object.fromEntries(
    Object.entries(checks).filter(([name]) => !(OF_STREAMS as readonly string[]).includes(name)),
  );
}

/** Names that people know from elsewhere. */
const NOW = {
  requestIdHeader: 'trustedProxies',
  bodyLimit: 'maxBodySize',
  handlerTimeout: 'timeout',
  idleTimeOut: 'idleTimeout',
};

/**
 * Checks the options of serveHttp. Returns those of its server.
 * @throws TypeError or RangeError for the first that is wrong or unknown
 */
export function checkHttpOptions(options: HttpOptions): ServerOptions {
  checkOptions(ACTION, options, ALL, '', NOW);
  const forServer = Object.fromEntries(Object.entries(options).filter(([name]) => !Object.hasOwn(HTTP, name)));
  checkServerOptions(forServer);
  return forServer;
}

/** The peers that `trustedProxies` names; undefined for none. */
export function trustOf(options: HttpOptions): Trust | undefined {
  const { trustedProxies = [] } = options;
  if (trustedProxies.length === 0) return undefined;
  const list = new BlockList();
  let trustsUnix = false;
  for (const each of trustedProxies) {
    if (each === 'unix') {
      trustsUnix = true;
      continue;
    }
    const { address, prefix, family } = networkOf(ACTION, 'trustedProxies', each);
    list.addSubnet(address, prefix, family);
  }
  return { list, trustsUnix };
}

/** Who is trusted. */
export interface Trust {
  readonly list: BlockList;
  readonly trustsUnix: boolean;
}

function networkOf(
  action: string,
  name: string,
  value: unknown,
): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } {
  const [address = '', prefixText, ...more] = typeof value === 'string' ? value.split('/') : [];
  const version = isIP(address);
  const longest = version === 4 ? 32 : 128;
  const prefix = prefixText === undefined ? longest : /^\d{1,3}$/.test(prefixText) ? Number(prefixText) : NaN;
  if (value === 'unix') return { address: '', prefix: 0, family: 'ipv4' };
  if (version === 0 || more.length > 0 || !(prefix <= longest))
    throw wrongValue(action, name, "addresses and networks such as '10.0.0.0/8', or 'unix'", value);
  return { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' };
}
