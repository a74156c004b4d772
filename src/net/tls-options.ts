// The options of TLS, checked by name before anything starts: node:tls takes no notice of what it does not know, and a misspelt
// `rejectUnauthorized` or `minVersion` is a hole that nobody sees. What the values must be, node:tls says itself.
import type { ServerOpts } from 'node:net';
import type { ConnectionOptions, SecureContextOptions, TlsOptions } from 'node:tls';
import { describe, numberError } from '../base/index.ts';

/** Where the bytes come from is for the server and the connection to say. */
type Elsewhere = 'host' | 'port' | 'path' | 'socket' | 'lookup' | 'timeout';

/** What node:tls takes for servers: `key`, `cert`, `ca`, `requestCert`, `SNICallback`, `ALPNProtocols`, `minVersion`, ... */
export type ServerTlsOptions = Omit<TlsOptions, keyof ServerOpts>;
/** What node:tls takes for clients, or true for its defaults. */
export type ClientTlsOptions = Omit<ConnectionOptions, Elsewhere> | true;

/** Options of `startTls`: node:tls names, for the side that this end is. */
export interface StartTlsOptions extends SecureContextOptions {
  /** Whether this end is the server. Default: true for accepted connections, false for opened ones. */
  readonly isServer?: boolean | undefined;
  /** The name to ask for and to verify, on the client. */
  readonly servername?: string | undefined;
  readonly rejectUnauthorized?: boolean | undefined;
  readonly requestCert?: boolean | undefined;
  readonly ALPNProtocols?: TlsOptions['ALPNProtocols'];
  readonly SNICallback?: TlsOptions['SNICallback'];
  readonly checkServerIdentity?: ConnectionOptions['checkServerIdentity'] | undefined;
  /** Milliseconds. Default 60,000. */
  readonly handshakeTimeout?: number | undefined;
}

// All names that the types know, so that the compiler says when node:tls learns a new one.

const CONTEXT: Record<keyof SecureContextOptions, true> = {
  ALPNCallback: true,
  allowPartialTrustChain: true,
  ca: true,
  cert: true,
  certificateCompression: true,
  ciphers: true,
  clientCertEngine: true,
  crl: true,
  dhparam: true,
  ecdhCurve: true,
  honorCipherOrder: true,
  key: true,
  maxVersion: true,
  minVersion: true,
  passphrase: true,
  pfx: true,
  privateKeyEngine: true,
  privateKeyIdentifier: true,
  secureOptions: true,
  secureProtocol: true,
  sessionIdContext: true,
  sessionTimeout: true,
  sigalgs: true,
  ticketKeys: true,
};

const SERVER: Record<keyof ServerTlsOptions, true> = {
  ...CONTEXT,
  ALPNProtocols: true,
  SNICallback: true,
  enableTrace: true,
  handshakeTimeout: true,
  pskCallback: true,
  pskIdentityHint: true,
  rejectUnauthorized: true,
  requestCert: true,
  requestOCSP: true,
  secureContext: true,
};

const CLIENT: Record<keyof Exclude<ClientTlsOptions, true>, true> = {
  ...CONTEXT,
  ALPNProtocols: true,
  SNICallback: true,
  checkServerIdentity: true,
  enableTrace: true,
  minDHSize: true,
  pskCallback: true,
  rejectUnauthorized: true,
  requestCert: true,
  requestOCSP: true,
  secureContext: true,
  servername: true,
  session: true,
};

/** Any of these lets a server say who it is. */
const IDENTITY = ['pfx', 'SNICallback', 'pskCallback'];

/**
 * Checks a server's options.
 * @throws TypeError for what is not an object, for unknown names, and for a server that could not say who it is
 */
export function checkServerTls(tls: unknown, action: string): void {
  checkNames(tls, SERVER, action, 'tls');
  checkIdentity(tls as Record<string, unknown>, action, 'tls'); // checkNames lets objects pass alone
}

/** Checks a client's options. @throws TypeError for what is neither true nor an object, and for unknown names */
export function checkClientTls(tls: unknown, action: string): void {
  if (tls !== true) checkNames(tls, CLIENT, action, 'tls', 'true or ');
}

/** Checks the options of setSecureContext. @throws TypeError */
export function checkSecureContext(options: unknown): void {
  const action = 'set the secure context';
  checkNames(options, CONTEXT, action, 'options');
  checkIdentity(options as Record<string, unknown>, action, 'options'); // as above
}

/**
 * Checks the options of startTls.
 * @param accepted which side this end is unless `isServer` says
 * @throws TypeError
 */
export function checkStartTls(options: unknown, accepted: boolean): void {
  const action = 'start TLS';
  checkNames(options, { ...SERVER, ...CLIENT, isServer: true }, action, 'options');
  const given = options as StartTlsOptions; // as above
  const { isServer = accepted, handshakeTimeout } = given;
  if (typeof isServer !== 'boolean')
    throw new TypeError(`Cannot ${action}: isServer must be true or false, got ${describe(isServer)}`);
  if (handshakeTimeout !== undefined && !(typeof handshakeTimeout === 'number' && handshakeTimeout > 0)) {
    throw numberError(
      handshakeTimeout,
      `Cannot ${action}: handshakeTimeout must be a number of milliseconds > 0, got ${describe(handshakeTimeout)}`,
    );
  }
  if (isServer) checkIdentity(given as Record<string, unknown>, action, 'options');
}

function checkNames(
  given: unknown,
  known: Readonly<Record<string, true>>,
  action: string,
  name: string,
  otherwise = '',
): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TypeError(
      `Cannot ${action}: ${name} must be ${otherwise}an object of node:tls options, got ${describe(given)}`,
    );
  }
  for (const [each, value] of Object.entries(given)) {
    if (value !== undefined && !Object.hasOwn(known, each)) {
      throw new TypeError(`Cannot ${action}: unknown option ${describe(each)}${name === 'tls' ? ' in tls' : ''}`);
    }
  }
}

function checkIdentity(given: Record<string, unknown>, action: string, name: string): void {
  const has = (option: string): boolean => given[option] !== undefined && given[option] !== null;
  if (IDENTITY.some(has)) return;
  const hasKey = has('key') || has('privateKeyIdentifier');
  if (has('cert') && hasKey) return;
  const missing = has('cert') ? 'cert without key' : hasKey ? 'key without cert' : 'neither';
  throw new TypeError(
    `Cannot ${action}: ${name} must have key and cert (or pfx, SNICallback, pskCallback), got ${missing}`,
  );
}
