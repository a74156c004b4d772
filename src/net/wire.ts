// What a SocketTransport moves its bytes through, from the accept or the connect to the close.
//
// RawWire (raw/wire.ts) calls the system's handles. NetWire (net-wire.ts) uses the public events
// and methods of a net.Socket: on every runtime, and for TLS. The simulation's MemoryWire needs no
// system. No code outside depends on which of them a wire is, and one suite tests all
// (test/net/wire.test.ts).
//
// A wire does what it is told and reports what happened. It decides nothing.
//
// States: PARKED (reads nothing) -(listen)-> LISTENING -(destroy, close, reset, an error)-> CLOSING
// -> CLOSED (`onClose` was called). release() leaves PARKED and LISTENING: the socket then belongs
// to the caller.
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Addresses } from './address.ts';
import type { WireTls } from './connection-tls.ts';
import type { TlsAcceptor } from './secure.ts';
import type { StartTlsOptions } from './tls-options.ts';

/**
 * Bytes: up to this size, what is written in one turn is copied together. Above it, it is sent as a
 * vector.
 */
export const COPY_UP_TO = 65536;

/**
 * Receives the reports of a wire. All calls come from the loop, never from inside a method of the
 * wire.
 */
export interface WireListener {
  /** Bytes came. The chunk belongs to the listener. If this throws, only this wire is destroyed. */
  onData(chunk: Buffer): void;
  /** Bytes came after discard() and were dropped. */
  onDropped(count: number): void;
  /** The system has taken what was written last. Not called after a write that returned true. */
  onWritten(): void;
  /** The peer sends no more. */
  onEnd(): void;
  /** The wire is closed; `error` is what broke it, if anything did. Called once, and last. */
  onClose(error: Error | undefined): void;
}

/** A wire that goes over to TLS. */
export interface TlsStart {
  /** The same socket during the handshake, for an abort. */
  readonly plain: Wire;
  /** The wire over TLS, after the handshake. Rejects when that fails. */
  readonly secured: Promise<Wire>;
}

/** One connection below its transport: see the head of this file. */
export interface Wire {
  /**
   * The addresses of the two ends. They are read when the wire is accepted or connected, so they
   * stay known after its end.
   */
  readonly addresses: Addresses;
  /** True from CLOSING on, whichever side ended it. */
  readonly destroyed: boolean;
  /**
   * Whether the peer has reset the connection, as the system says. For wires without a listener.
   * False where the system does not know.
   */
  readonly hasReset: boolean;
  /**
   * Calls `fn` once when the wire closes, with or without a listener. After release(), calls it
   * when the socket closes.
   */
  whenClosed(fn: () => void): void;
  /**
   * Sets the listener and begins to read. Call it once. If the wire is closed already, `onClose`
   * follows.
   */
  listen(listener: WireListener): void;
  /** True while it does not read: there may be input that it has not seen. */
  readonly paused: boolean;
  pause(): void;
  resume(): void;
  /**
   * Drops what comes from now on without copying it, and calls `onDropped` instead of `onData`.
   * Does not resume.
   */
  discard(): void;
  /**
   * Sends. Returns true when the system has taken everything at once; else `onWritten` or `onClose`
   * follows. Only one write at a time.
   */
  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean;
  /** Sends our end and goes on reading. Call it once everything written was taken. */
  end(): void;
  /**
   * Sends our end and closes, without waiting for the peer's end. Call it once everything written
   * was taken.
   */
  close(): void;
  /** Closes at once. Unsent bytes are lost. `onClose(error)` follows. */
  destroy(error?: Error): void;
  /**
   * Closes at once, with a reset where there is one, so that the peer does not take what it
   * received for everything.
   */
  reset(): void;
  /**
   * Bytes that write() received and the system has not taken. Undefined where that is not known.
   */
  readonly queued: number | undefined;
  /**
   * The net.Socket under the wire, made when it is first read. Undefined when the wire is closed
   * and never had one.
   */
  readonly socket: Socket | undefined;
  /** The TLS socket under the wire; undefined over plain text. */
  readonly secured: TLSSocket | undefined;
  /** TLS under the wire, made when it is read; undefined over plain text. */
  readonly tls: WireTls | undefined;
  /**
   * Returns the net.Socket, paused and without this wire's listeners, for node:tls to take over.
   * The listener is not called again. The TLS socket that node:tls makes of it needs a new wire,
   * with the same addresses.
   * @throws ConnectionLostError when it is closed and has no socket; InvalidStateError in memory
   */
  release(): Socket;
  /**
   * Goes over to TLS. This wire is then released.
   * @param options of startTls, or the acceptor of a server, which all its clients share
   * @param accepted whether a server accepted the connection
   * @param takeHeld takes the bytes that came and were not read, which are the beginning of the
   * peer's handshake. Called when nothing else can go wrong
   * @throws InvalidStateError in memory; TypeError or RangeError for wrong options;
   * ConnectionLostError when it is closed. All but the last leave the wire as it was
   */
  startTls(options: StartTlsOptions | TlsAcceptor, accepted: boolean, takeHeld: () => Buffer): TlsStart;
}
