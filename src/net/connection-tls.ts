// What a handshake settled. It is stored when the handshake is over, because node:tls forgets it at
// the end of the connection.
import type { CipherNameAndProtocol, PeerCertificate, TLSSocket } from 'node:tls';

/**
 * The value of `connection.tls`. It stays known after the end of the connection, except for
 * `peerCertificate`, which says more.
 */
export interface ConnectionTls {
  /** `TLSv1.3` or `TLSv1.2`. Undefined where the runtime does not say. */
  readonly protocol: string | undefined;
  /** The cipher suite: `name` is the name in OpenSSL, `standardName` the name in the RFC. */
  readonly cipher: CipherNameAndProtocol | undefined;
  /** The protocol that ALPN chose. Undefined without ALPN. */
  readonly alpn: string | undefined;
  /** The server name that the client sent. Undefined when it sent none. */
  readonly servername: string | undefined;
  /**
   * Whether the peer's certificate was verified. Also false for a client that was not asked for
   * one.
   */
  readonly authorized: boolean;
  /**
   * The peer's certificate. Undefined when the peer showed none. Read it while the connection is
   * open, and it stays; first read after the end, it is undefined.
   */
  readonly peerCertificate: PeerCertificate | undefined;
}

/** TLS under a wire, after its handshake: what a transport needs to know of it. */
export interface WireTls {
  /** What the handshake settled. */
  readonly settled: ConnectionTls;
  /** Whether our end reaches the peer only when the socket closes, so that it cannot answer it. */
  readonly hidesEnd: boolean;
  /** What getExtraInfo returns for `name`: `peercert`, `cipher`, ... Undefined for other names. */
  info(name: string): unknown;
}

/** The server names that our clients sent: the TLSSocket of a client does not have it. */
const asked = new WeakMap<TLSSocket, string>();

/** Stores the server name that a client sends; undefined for none. */
export function noteServername(socket: TLSSocket, name: string | undefined): void {
  if (name !== undefined && name !== '') asked.set(socket, name);
}

/** Returns what the handshake of `socket` settled. Call it once the handshake is over. */
export function tlsOf(socket: TLSSocket): ConnectionTls {
  return new SettledTls(socket);
}

class SettledTls implements ConnectionTls {
  readonly protocol: string | undefined;
  readonly cipher: CipherNameAndProtocol | undefined;
  readonly alpn: string | undefined;
  readonly servername: string | undefined;
  readonly authorized: boolean;
  readonly #socket: TLSSocket;
  #certificate: PeerCertificate | undefined = undefined;

  constructor(socket: TLSSocket) {
    const { servername } = socket as TLSSocket & { servername?: unknown }; // not in the public types
    this.#socket = socket;
    this.protocol = ask(() => socket.getProtocol());
    this.cipher = ask(() => socket.getCipher());
    this.alpn = toText(socket.alpnProtocol);
    this.servername = toText(servername) ?? asked.get(socket);
    this.authorized = socket.authorized;
  }

  /** Parsed when first read: that costs more than all the rest, and few programs need it. */
  get peerCertificate(): PeerCertificate | undefined {
    if (this.#certificate !== undefined) return this.#certificate;
    const found = ask(() => this.#socket.getPeerCertificate());
    if (found !== undefined && Object.keys(found).length > 0) this.#certificate = found; // {} is none
    return this.#certificate;
  }
}

/** A runtime may lack one of these calls, or throw. That must not cost the connection. */
function ask<T>(fn: () => T | null | undefined): T | undefined {
  try {
    return fn() ?? undefined;
  } catch {
    return undefined;
  }
}

function toText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
