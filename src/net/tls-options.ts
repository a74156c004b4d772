// The options of TLS. Their names are checked before anything starts: node:tls ignores names that
// it does not know, and a misspelt `rejectUnauthorized` or `minVersion` is a security hole that
// nobody sees. node:tls checks the values itself.
import type { ServerOpts } from 'node:net';
import type { ConnectionOptions, SecureContextOptions, TlsOptions } from 'node:tls';
import { anything, type Checks, checkOptions, flag, isObject, positiveMs, wrongValue } from '../base/index.ts';

/** Options that the server and the connection set themselves. */
type Elsewhere = 'host' | 'port' | 'path' | 'socket' | 'lookup' | 'timeout';

/**
 * TLS options of a server, as in node:tls: `key`, `cert`, `ca`, `requestCert`, `SNICallback`,
 * `ALPNProtocols`, `minVersion`, ...
 */
export type ServerTlsOptions = Omit<TlsOptions, keyof ServerOpts>;
/** TLS options of a client, as in node:tls, or true for its defaults. */
export type ClientTlsOptions = Omit<ConnectionOptions, Elsewhere> | true;

/** Options of `startTls`: the names of node:tls for the side that this end takes. */
export interface StartTlsOptions extends SecureContextOptions {
  /** Whether this end is the server. Default: true for accepted connections, else false. */
  readonly isServer?: boolean | undefined;
  /** The server name that a client sends and verifies. */
  readonly servername?: string | undefined;
  readonly rejectUnauthorized?: boolean | undefined;
  readonly requestCert?: boolean | undefined;
  readonly ALPNProtocols?: TlsOptions['ALPNProtocols'];
  readonly SNICallback?: TlsOptions['SNICallback'];
  readonly checkServerIdentity?: ConnectionOptions['checkServerIdentity'] | undefined;
  /** Milliseconds that the handshake may take. Default 60,000. */
  readonly handshakeTimeout?: number | undefined;
}

// All names in the types, so that the compiler reports when node:tls adds one. node:tls checks most
// values itself.

const CONTEXT: Checks<SecureContextOptions> = {
  ALPNCallback: anything,
  allowPartialTrustChain: anything,
  ca: anything,
  cert: anything,
  certificateCompression: anything,
  ciphers: anything,
  clientCertEngine: anything,
  crl: anything,
  dhparam: anything,
  ecdhCurve: anything,
  honorCipherOrder: anything,
  key: anything,
  maxVersion: anything,
  minVersion: anything,
  passphrase: anything,
  pfx: anything,
  privateKeyEngine: anything,
  privateKeyIdentifier: anything,
  secureOptions: anything,
  secureProtocol: anything,
  sessionIdContext: anything,
  sessionTimeout: anything,
  sigalgs: anything,
  ticketKeys: anything,
};

const SERVER: Checks<ServerTlsOptions> = {
  ...CONTEXT,
  ALPNProtocols: anything,
  SNICallback: anything,
  enableTrace: anything,
  handshakeTimeout: positiveMs,
  pskCallback: anything,
  pskIdentityHint: anything,
  rejectUnauthorized: anything,
  requestCert: anything,
  requestOCSP: anything,
  secureContext: anything,
};

const CLIENT: Checks<Exclude<ClientTlsOptions, true>> = {
  ...CONTEXT,
  ALPNProtocols: anything,
  SNICallback: anything,
  checkServerIdentity: anything,
  enableTrace: anything,
  minDHSize: anything,
  pskCallback: anything,
  rejectUnauthorized: anything,
  requestCert: anything,
  requestOCSP: anything,
  secureContext: anything,
  servername: anything,
  session: anything,
};

const START: Checks<StartTlsOptions> = {
  ...CONTEXT,
  ALPNProtocols: anything,
  SNICallback: anything,
  checkServerIdentity: anything,
  handshakeTimeout: positiveMs,
  isServer: flag,
  rejectUnauthorized: anything,
  requestCert: anything,
  servername: anything,
};

/**
 * The names that startTls accepts: those of its type, and all others that node:tls knows on either
 * side.
 */
const ALL = { ...SERVER, ...CLIENT, ...START };

const TLS_OPTIONS = 'an object of node:tls options';

/** Each of these alone identifies a server. */
const IDENTITY = ['pfx', 'SNICallback', 'pskCallback'];

/**
 * Checks the `tls` of a server: an object without unknown names that identifies the server. @throws
 * TypeError
 */
export function serverTls(action: string, name: string, tls: unknown): void {
  if (!isObject(tls)) throw wrongValue(action, name, TLS_OPTIONS, tls);
  checkOptions(action, tls, SERVER, `${name}.`);
  checkIdentity(tls, action, name);
}

/** Checks the `tls` of a client: true, or an object without unknown names. @throws TypeError */
export function clientTls(action: string, name: string, tls: unknown): void {
  if (tls === true) return;
  if (!isObject(tls)) throw wrongValue(action, name, `true or ${TLS_OPTIONS}`, tls);
  checkOptions(action, tls, CLIENT, `${name}.`);
}

/** Checks the options of setSecureContext. @throws TypeError */
export function checkSecureContext(options: unknown): void {
  const action = 'set the secure context';
  if (!isObject(options)) throw wrongValue(action, 'options', TLS_OPTIONS, options);
  checkOptions(action, options, CONTEXT);
  checkIdentity(options, action, 'options');
}

/**
 * Checks the options of startTls.
 * @param accepted whether this end is the server, unless `isServer` says otherwise
 * @throws TypeError; RangeError for a handshakeTimeout that is not above 0
 */
export function checkStartTls(options: unknown, accepted: boolean): void {
  const action = 'start TLS';
  if (!isObject(options)) throw wrongValue(action, 'options', TLS_OPTIONS, options);
  checkOptions(action, options, ALL);
  const { isServer = accepted } = options;
  if (isServer === true) checkIdentity(options, action, 'options');
}

function checkIdentity(given: Readonly<Record<string, unknown>>, action: string, name: string): void {
  const has = (option: string): boolean => given[option] !== undefined && given[option] !== null;
  if (IDENTITY.some(has)) return;
  const hasKey = has('key') || has('privateKeyIdentifier');
  if (has('cert') && hasKey) return;
  const missing = has('cert') ? 'cert without key' : hasKey ? 'key without cert' : 'neither';
  throw new TypeError(
    `Cannot ${action}: ${name} must have key and cert (or pfx, SNICallback, pskCallback), got ${missing}`,
  );
}
