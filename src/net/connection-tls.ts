// What a handshake has settled, noted when it is over: after the end of a connection node:tls no longer knows.
import type { CipherNameAndProtocol, PeerCertificate, TLSSocket } from 'node:tls';

/** The TLS of a connection, as `connection.tls` has it; known after the end too, but for what `peerCertificate` says. */
export interface ConnectionTls {
  /** `TLSv1.3`, `TLSv1.2`; undefined where the runtime does not tell. */
  readonly protocol: string | undefined;
  /** Its `name` is OpenSSL's, its `standardName` the RFC's. */
  readonly cipher: CipherNameAndProtocol | undefined;
  /** The protocol that ALPN chose; undefined without one. */
  readonly alpn: string | undefined;
  /** The name that the client asked for; undefined when it asked for none. */
  readonly servername: string | undefined;
  /** Whether the peer's certificate was verified; false, too, for a client that was not asked for one. */
  readonly authorized: boolean;
  /**
   * The peer's certificate; undefined when it showed none. Read while the connection lasts, it stays; read for the first time after the
   * end, it is undefined.
   */
  readonly peerCertificate: PeerCertificate | undefined;
}

/** The names that clients asked for: a client's TLSSocket does not say. */
const asked = new WeakMap<TLSSocket, string>();

/** Notes the name a client asks for; undefined for none. */
export function noteServername(socket: TLSSocket, name: string | undefined): void {
  if (name !== undefined && name !== '') asked.set(socket, name);
}

/** What the handshake of `socket` has settled. It is over. */
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

  /** Read late: to parse one costs more than all the rest, and few want it. */
  get peerCertificate(): PeerCertificate | undefined {
    if (this.#certificate !== undefined) return this.#certificate;
    const found = ask(() => this.#socket.getPeerCertificate());
    if (found !== undefined && Object.keys(found).length > 0) this.#certificate = found; // {} is none
    return this.#certificate;
  }
}

/** A runtime may lack one of them, or throw: nothing of that is worth a connection. */
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
