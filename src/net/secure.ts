// TLS: the handshakes of servers, of clients, and of connections that upgrade (startTls). After the
// handshake, a TLS connection is the same transport over a tls.TLSSocket instead of a net.Socket.
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import { connect, createServer, type SecureContextOptions, type Server as TlsServer, type TLSSocket } from 'node:tls';
import { callSoon, Future, TimeoutError, waitFor } from '../core/index.ts';
import { noteServername, tlsOf, type WireTls } from './connection-tls.ts';
import { nameRefused, withNamedOptions } from './tls-fault.ts';
import {
  checkSecureContext,
  type ClientTlsOptions,
  type ServerTlsOptions,
  type StartTlsOptions,
} from './tls-options.ts';

/** Milliseconds that a peer has for a handshake. */
export const HANDSHAKE_TIMEOUT = 60_000;
/**
 * Deno's node:tls sends our end only when the socket is closed, so waiting for the peer's answer to
 * it would be in vain.
 */
const HIDES_TLS_END = 'deno' in process.versions;
/** The longest handshakeTimeout that node:tls accepts, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** How a handshake ended: the secure socket, or the error. */
type Outcome = TLSSocket | Error;

/**
 * The server's side of handshakes: a tls.Server that never listens. So all its options, client
 * certificates, SNI contexts and certificate changes work as node:tls documents them. Rejected: a
 * bare TLSSocket. It does not refuse clients without a certificate; tls.Server does that.
 *
 * A handshake is in `#pending` from accept() until its outcome is passed on, once: the secure
 * socket, the error of node:tls, the timeout's error, or that the socket was closed. Half-open is
 * off meanwhile, because a client that ends in its handshake is gone.
 */
export class TlsAcceptor {
  readonly #server: TlsServer;
  readonly #timeout: number;
  readonly #pending = new Map<Socket, (outcome: Outcome) => void>();

  /** @param place stands before the names of options in errors: where the user set them */
  constructor(options: ServerTlsOptions, handshakeTimeout: number | undefined, place = 'tls.') {
    this.#timeout = options.handshakeTimeout ?? handshakeTimeout ?? HANDSHAKE_TIMEOUT;
    const settings = {
      ...definedOf(options),
      handshakeTimeout: Math.min(this.#timeout, LONGEST),
      pauseOnConnect: true,
    };
    const onSecure = (socket: TLSSocket): void => {
      socket.pause();
      socket.allowHalfOpen = true;
      this.#settle(parentOf(socket), socket);
    };
    this.#server = withNamedOptions(place, settings, () => createServer(settings, onSecure));
    this.#server.on('tlsClientError', (error, socket) => {
      this.#settle(parentOf(socket), this.#failure(error, socket));
      socket.destroy();
    });
  }

  /** How many handshakes are in progress. */
  get size(): number {
    return this.#pending.size;
  }

  /**
   * Begins the handshake over `socket`, and calls `told` with its outcome, unless close() ends it
   * first. Destroys the socket of a failed handshake.
   */
  accept(socket: Socket, told: (outcome: Outcome) => void): void {
    this.#pending.set(socket, told);
    // Later, because tlsClientError follows and has the reason.
    const onClose = (): void => this.#settle(socket, new Error('TLS handshake failed: the connection was closed'));
    socket.once('close', () => void (this.#pending.has(socket) && callSoon(onClose)));
    socket.allowHalfOpen = false;
    this.#server.emit('connection', socket);
  }

  /** accept() as a promise. Cancelled, it destroys the socket. */
  async handshake(socket: Socket): Promise<TLSSocket> {
    const done = new Future<TLSSocket>();
    this.accept(socket, (outcome) => void (outcome instanceof Error ? done.fail(outcome) : done.answer(outcome)));
    try {
      return await done;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** Uses other certificates for handshakes from now on. */
  setSecureContext(options: SecureContextOptions): void {
    checkSecureContext(options);
    withNamedOptions('tls.', options, () => this.#server.setSecureContext(definedOf(options)));
  }

  /** Ends the handshakes in progress, without calling `told`. */
  close(): void {
    const sockets = [...this.#pending.keys()];
    this.#pending.clear();
    for (const socket of sockets) socket.destroy();
  }

  #settle(socket: unknown, outcome: Outcome): void {
    const told = this.#pending.get(socket as Socket); // any other value is not a key
    this.#pending.delete(socket as Socket);
    told?.(outcome);
  }

  #failure(error: NodeJS.ErrnoException & { readonly reason?: string }, socket: TLSSocket): Error {
    // Deno sets no code.
    if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT' || error.message === 'TLS handshake timeout')
      return new TimeoutError(`TLS handshake: ${this.#timeout} ms passed`, { cause: error });
    // The types say Error, but it is a string: why the certificate was refused.
    const refused = socket.authorizationError as unknown as string | null | undefined;
    const certificate = typeof refused === 'string' ? `the client's certificate was refused, ${refused}` : undefined;
    const why = certificate ?? error.reason ?? error.message; // OpenSSL's message hides the reason in numbers
    return new Error(`TLS handshake failed: ${why}`, { cause: error });
  }
}

function parentOf(socket: TLSSocket): unknown {
  return (socket as unknown as { _parent?: unknown })._parent; // set by node:tls where it wraps a socket
}

/**
 * Does the client's handshake over a connected socket.
 * @param host the name that the user passed: it is verified, unless the options have a servername
 */
export async function secureClient(
  socket: Socket,
  options: ClientTlsOptions,
  host: string | undefined,
): Promise<TLSSocket> {
  const given = options === true ? {} : definedOf(options);
  const servername = given.servername ?? (host !== undefined && isIP(host) === 0 ? host : undefined);
  // An IP address is verified against the addresses of the certificate, but TLS cannot send it as a
  // server name.
  const settings = {
    ...given,
    socket,
    ...(servername === undefined ? {} : { servername }),
    ...(host === undefined ? {} : { host }),
  };
  const secured = withNamedOptions('tls.', given, () => connect(settings));
  noteServername(secured, servername);
  try {
    return await handshake(secured);
  } catch (error) {
    throw nameRefused(error, host);
  }
}

/**
 * Does the handshake on a connection in use.
 * @param received what the reader already held, perhaps the beginning of the peer's handshake
 * @param options a server's TlsAcceptor, shared by all its clients, or the options of startTls,
 * which make one
 */
export async function secureInPlace(
  socket: Socket,
  received: Buffer,
  accepted: boolean,
  options: StartTlsOptions | TlsAcceptor,
): Promise<TLSSocket> {
  if (received.length > 0) socket.unshift(received); // node:tls takes what is buffered before what comes
  if (options instanceof TlsAcceptor) return options.handshake(socket);
  const { isServer = accepted, handshakeTimeout = HANDSHAKE_TIMEOUT, ...settings } = options;
  if (isServer) return new TlsAcceptor(settings, handshakeTimeout, '').handshake(socket);
  const secured = withNamedOptions('', settings, () => connect({ ...definedOf(settings), socket }));
  noteServername(secured, settings.servername);
  try {
    return await waitFor(() => handshake(secured), handshakeTimeout);
  } catch (error) {
    secured.destroy();
    if (error instanceof TimeoutError)
      throw new TimeoutError(`TLS handshake: ${handshakeTimeout} ms passed`, { cause: error });
    throw nameRefused(error, settings.servername);
  }
}

/** Leaves out keys whose value is undefined: node:tls takes those as set. */
function definedOf<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> }; // just filtered
}

/** Waits for the client's side of a handshake. Destroys the socket of a failed one. */
async function handshake(socket: TLSSocket): Promise<TLSSocket> {
  const done = new Future<TLSSocket>();
  const onDone = (): void => {
    socket.pause();
    done.answer(socket);
  };
  const onError = (error: Error): void => void done.fail(error);
  const onClose = (): void => void done.fail(new Error('The connection was closed during the TLS handshake'));
  socket.once('secureConnect', onDone);
  socket.once('error', onError);
  socket.once('close', onClose);
  try {
    return await done;
  } catch (error) {
    socket.on('error', () => undefined); // it may be emitted a second time
    socket.destroy();
    throw error;
  } finally {
    socket.off('secureConnect', onDone);
    socket.off('error', onError);
    socket.off('close', onClose);
  }
}

/** What a wire says of the TLS under it. Call it once the handshake is over. */
export function tlsUnder(socket: TLSSocket): WireTls {
  return { settled: tlsOf(socket), hidesEnd: HIDES_TLS_END, info: (name) => tlsInfo(socket, name) };
}

function tlsInfo(socket: TLSSocket, name: string): unknown {
  switch (name) {
    case 'peercert':
      return socket.getPeerCertificate();
    case 'cipher':
      return socket.getCipher();
    case 'protocol':
      return socket.getProtocol();
    case 'alpn':
      return socket.alpnProtocol;
    case 'servername':
      return (socket as TLSSocket & { servername?: string | false }).servername; // not in the public types
    case 'authorized':
      return socket.authorized;
    default:
      return undefined;
  }
}
