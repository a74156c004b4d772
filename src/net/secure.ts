// TLS: the handshakes of servers, clients, and connections that change over in mid-stream. Everything else of a TLS
// connection is the same transport over a tls.TLSSocket in place of the net.Socket.
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import {
  connect,
  type ConnectionOptions,
  createSecureContext,
  createServer,
  type SecureContextOptions,
  type Server as TlsServer,
  type TlsOptions,
  TLSSocket,
} from 'node:tls';
import { Future, TimeoutError, waitFor } from '../core/index.ts';

/** What node:tls takes for servers: `key`, `cert`, `ca`, `requestCert`, `SNICallback`, `ALPNProtocols`, `minVersion`, ... */
export type ServerTlsOptions = TlsOptions;
/** What node:tls takes for clients, or true for its defaults. */
export type ClientTlsOptions = ConnectionOptions | true;

/** Options of `writer.startTls`: node:tls names, for the side that this end is. */
export interface StartTlsOptions extends SecureContextOptions {
  /** Whether this end is the server. Default: true for accepted connections, false for opened ones. */
  readonly isServer?: boolean | undefined;
  /** The name to ask for and to verify, on the client. */
  readonly servername?: string | undefined;
  readonly rejectUnauthorized?: boolean | undefined;
  readonly requestCert?: boolean | undefined;
  readonly ALPNProtocols?: TlsOptions['ALPNProtocols'];
  readonly SNICallback?: TlsOptions['SNICallback'];
  /** Milliseconds. Default 60,000. */
  readonly handshakeTimeout?: number | undefined;
}

/** Milliseconds a peer gets for a handshake. */
export const HANDSHAKE_TIMEOUT = 60_000;
/** Milliseconds a closing connection waits for the peer's close_notify. */
export const SHUTDOWN_TIMEOUT = 5000;

/**
 * The handshakes of one server: a tls.Server that never listens, so that all its options, SNI contexts and certificate
 * changes work as documented there. `close` ends those under way.
 */
export class TlsAcceptor {
  readonly #server: TlsServer;
  readonly #pending = new Set<Socket>();
  readonly #onEnd: () => void;
  /** The handshakes that end now were ended by us. */
  #closed = false;

  constructor(
    options: ServerTlsOptions,
    handshakeTimeout: number | undefined,
    events: {
      onSecure(socket: TLSSocket): void;
      onError(error: Error): void;
      /** A place is free again. */
      onEnd(): void;
    },
  ) {
    const settings = { handshakeTimeout: handshakeTimeout ?? HANDSHAKE_TIMEOUT, ...options };
    this.#server = createServer({ ...settings, pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
      socket.pause();
      this.#ended(parentOf(socket));
      events.onSecure(socket);
    });
    this.#server.on('tlsClientError', (error, socket) => {
      socket.destroy();
      if (!this.#closed) events.onError(new Error(`TLS handshake failed: ${error.message}`, { cause: error }));
    });
    this.#onEnd = () => events.onEnd();
  }

  /** How many handshakes are under way. */
  get size(): number {
    return this.#pending.size;
  }

  /** Begins the handshake with an accepted client. */
  accept(socket: Socket): void {
    this.#pending.add(socket);
    socket.once('close', () => {
      if (this.#ended(socket)) this.#onEnd();
    });
    this.#server.emit('connection', socket);
  }

  #ended(socket: unknown): boolean {
    return this.#pending.delete(socket as Socket); // anything else is not inside
  }

  /** Handshakes from now on use these certificates. */
  setSecureContext(options: SecureContextOptions): void {
    this.#server.setSecureContext(options);
  }

  close(): void {
    this.#closed = true;
    for (const socket of this.#pending) socket.destroy();
    this.#pending.clear();
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
  const given = options === true ? {} : options;
  const servername = given.servername ?? (host !== undefined && isIP(host) === 0 ? host : undefined);
  // An address is verified against the certificate's addresses, but cannot be asked for.
  const settings = {
    ...given,
    socket,
    ...(servername === undefined ? {} : { servername }),
    ...(host === undefined ? {} : { host }),
  };
  return handshake(connect(settings), 'secureConnect');
}

/** The handshake in mid-stream. `received` is what the reader already had: the peer's first flight, perhaps. */
export async function secureInPlace(
  socket: Socket,
  received: Buffer,
  accepted: boolean,
  options: StartTlsOptions,
): Promise<TLSSocket> {
  const { isServer = accepted, handshakeTimeout = HANDSHAKE_TIMEOUT, ...settings } = options;
  if (received.length > 0) socket.unshift(received); // node:tls takes what is buffered before what comes
  const secured = isServer
    ? new TLSSocket(socket, { ...definedOf(settings), isServer: true, secureContext: createSecureContext(settings) })
    : connect({ ...definedOf(settings), socket });
  try {
    return await waitFor(() => handshake(secured, isServer ? 'secure' : 'secureConnect'), handshakeTimeout);
  } catch (error) {
    secured.destroy();
    if (error instanceof TimeoutError)
      throw new TimeoutError(`TLS handshake: ${handshakeTimeout} ms passed`, { cause: error });
    throw error;
  }
}

/** Without the keys whose value is undefined: node:tls takes those for given. */
function definedOf<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> }; // just filtered
}

async function handshake(socket: TLSSocket, event: 'secure' | 'secureConnect'): Promise<TLSSocket> {
  const done = new Future<TLSSocket>();
  const onDone = (): void => {
    socket.pause();
    done.answer(socket);
  };
  const onError = (error: Error): void => void done.fail(error);
  const onClose = (): void => void done.fail(new Error('The connection was closed during the TLS handshake'));
  socket.once(event, onDone);
  socket.once('error', onError);
  socket.once('close', onClose);
  try {
    return await done;
  } catch (error) {
    socket.on('error', () => undefined); // it may be told a second time
    socket.destroy();
    throw error;
  } finally {
    socket.off(event, onDone);
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
