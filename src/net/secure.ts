// TLS: the handshakes of servers, clients, and connections that change over in mid-stream. Everything else of a TLS
// connection is the same transport over a tls.TLSSocket in place of the net.Socket.
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import { connect, createServer, type SecureContextOptions, type Server as TlsServer, type TLSSocket } from 'node:tls';
import { callSoon, Future, TimeoutError, waitFor } from '../core/index.ts';
import { noteServername } from './connection-tls.ts';
import { nameRefused, withNamedOptions } from './tls-fault.ts';
import type { ClientTlsOptions, ServerTlsOptions, StartTlsOptions } from './tls-options.ts';

/** Milliseconds a peer gets for a handshake. */
export const HANDSHAKE_TIMEOUT = 60_000;
/** Milliseconds a closing connection waits for the peer's close_notify. */
export const CLOSE_NOTIFY_TIMEOUT = 5000;

/** Milliseconds: the longest that node:tls can be told. */
const LONGEST = 2 ** 31 - 1;

/** How a handshake went: over TLS from now on, or why not. */
type Outcome = TLSSocket | Error;

/**
 * The server's side of handshakes: a tls.Server that never listens, so that all its options, client certificates, SNI
 * contexts and certificate changes work as documented there. (A bare TLSSocket does not refuse clients without a
 * certificate: that is the tls.Server's part.)
 *
 * A handshake is in `#pending` from accept() until its outcome is told, once: the secure socket, what node:tls says of a
 * failure, the timeout's error, or that the socket was closed. Half-open is off meanwhile, as a client that ends in its handshake
 * is gone.
 */
export class TlsAcceptor {
  readonly #server: TlsServer;
  readonly #timeout: number;
  readonly #pending = new Map<Socket, (outcome: Outcome) => void>();

  /** `place` is where the user gave the options: it stands before their names in errors. */
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

  /** How many handshakes are under way. */
  get size(): number {
    return this.#pending.size;
  }

  /** Begins the handshake over `socket`; `told` hears of its outcome, unless close() ended it. A failed one's socket is destroyed. */
  accept(socket: Socket, told: (outcome: Outcome) => void): void {
    this.#pending.set(socket, told);
    // Later: tlsClientError follows, and knows more.
    const onClose = (): void => this.#settle(socket, new Error('TLS handshake failed: the connection was closed'));
    socket.once('close', () => void (this.#pending.has(socket) && callSoon(onClose)));
    socket.allowHalfOpen = false;
    this.#server.emit('connection', socket);
  }

  /** The same as a wait. Cancelled, it destroys the socket. */
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

  /** Handshakes from now on use these certificates. */
  setSecureContext(options: SecureContextOptions): void {
    withNamedOptions('tls.', options, () => this.#server.setSecureContext(definedOf(options)));
  }

  /** Ends the handshakes under way, and tells nobody. */
  close(): void {
    const sockets = [...this.#pending.keys()];
    this.#pending.clear();
    for (const socket of sockets) socket.destroy();
  }

  #settle(socket: unknown, outcome: Outcome): void {
    const told = this.#pending.get(socket as Socket); // anything else is not inside
    this.#pending.delete(socket as Socket);
    told?.(outcome);
  }

  #failure(error: NodeJS.ErrnoException & { readonly reason?: string }, socket: TLSSocket): Error {
    // Deno has no code for it.
    if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT' || error.message === 'TLS handshake timeout')
      return new TimeoutError(`TLS handshake: ${this.#timeout} ms passed`, { cause: error });
    // Typed as an Error, and a text in fact: why the certificate was not accepted.
    const refused = socket.authorizationError as unknown as string | null | undefined;
    const certificate = typeof refused === 'string' ? `the client's certificate was refused, ${refused}` : undefined;
    const why = certificate ?? error.reason ?? error.message; // OpenSSL's message hides the reason in numbers
    return new Error(`TLS handshake failed: ${why}`, { cause: error });
  }
}

function parentOf(socket: TLSSocket): unknown {
  return (socket as unknown as { _parent?: unknown })._parent; // set by node:tls where it wraps a socket
}

/** The client's handshake over a connected socket. `host` is what was asked for: the name to verify, unless options say. */
export async function secureClient(
  socket: Socket,
  options: ClientTlsOptions,
  host: string | undefined,
): Promise<TLSSocket> {
  const given = options === true ? {} : definedOf(options);
  const servername = given.servername ?? (host !== undefined && isIP(host) === 0 ? host : undefined);
  // An address is verified against the certificate's addresses, but cannot be asked for.
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
 * The handshake in mid-stream. `received` is what the reader already had: the peer's first flight, perhaps. A server has one
 * TlsAcceptor for all its clients; the options of startTls make one of their own.
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

/** Without the keys whose value is undefined: node:tls takes those for given. */
function definedOf<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> }; // just filtered
}

/** The client's side. */
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
    socket.on('error', () => undefined); // it may be told a second time
    socket.destroy();
    throw error;
  } finally {
    socket.off('secureConnect', onDone);
    socket.off('error', onError);
    socket.off('close', onClose);
  }
}

/** What getExtraInfo knows of a TLS connection; undefined for other names. */
export function tlsInfo(socket: TLSSocket, name: string): unknown {
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
