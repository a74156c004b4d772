// What a SocketTransport moves its bytes through, from the accept or the connect to the close.
//
// RawWire (raw/wire.ts) calls the system's handles. NetWire (net-wire.ts) uses the public events and
// methods of a net.Socket: on every runtime, and for TLS. The simulation's MemoryWire needs no system.
// No code outside depends on which of them a wire is, and one suite tests all (test/net/wire.test.ts).
//
// A wire does what it is told and reports what happened. It decides nothing.
//
// States: PARKED (reads nothing) -(listen)-> LISTENING -(destroy, close, reset, an error)-> CLOSING ->
// CLOSED (`onClose` was called). release() leaves PARKED and LISTENING: the socket is someone else's.
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Addresses } from './address.ts';

/** Bytes: what is written in one turn is copied together up to this size; above it goes out as a vector. */
export const COPY_UP_TO = 65536;

/** Told by a wire. All calls come from the loop, never inside a call of the wire's own methods. */
export interface WireListener {
  /** Bytes came. The chunk belongs to the listener. If this throws, only this wire is destroyed. */
  onData(chunk: Buffer): void;
  /** Bytes came after discard() and were dropped. */
  onDropped(count: number): void;
  /** The system has taken what was written last. Not after a write that returned true. */
  onWritten(): void;
  /** The peer sends no more. */
  onEnd(): void;
  /** It is closed, with what broke it, if anything did. Told once, and the last that is told. */
  onClose(error: Error | undefined): void;
}

export interface Wire {
  /** The two ends, captured when it was accepted or connected, so they are known after the end. */
  readonly addresses: Addresses;
  /** True from CLOSING on, whoever ended it. */
  readonly destroyed: boolean;
  /**
   * Whether the peer has reset the connection. For wires without a listener: the system is asked.
   * False where it does not know.
   */
  readonly hasReset: boolean;
  /** Calls `fn` once on close, with or without a listener; after release(), when the socket closes. */
  whenClosed(fn: () => void): void;
  /** Sets the listener and begins to read. Called once. If it is closed already, `onClose` follows. */
  listen(listener: WireListener): void;
  /** True while it does not read: there may be input that nobody has seen. */
  readonly paused: boolean;
  pause(): void;
  resume(): void;
  /** Drops what comes from now on, without copying it: `onDropped` instead of `onData`. Does not resume. */
  discard(): void;
  /** Sends; true when the system has taken all at once, else `onWritten` or `onClose` follows. One at a time. */
  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean;
  /** Sends our end and goes on reading. Everything written was taken. */
  end(): void;
  /** Sends our end and closes, without waiting for the peer's. Everything written was taken. */
  close(): void;
  /** Closes at once; what is unsent is lost. `onClose(error)` follows. */
  destroy(error?: Error): void;
  /** Closes at once with a reset, where there is such a thing: the peer shall not take what it got for all there was. */
  reset(): void;
  /** Bytes that were given to write() and that the system has not taken; undefined where that cannot be known. */
  readonly queued: number | undefined;
  /** The net.Socket it is or can show itself as; undefined when it is closed and was never one. */
  readonly socket: Socket | undefined;
  /** The TLS socket it moves its bytes through; undefined over plain text. */
  readonly secured: TLSSocket | undefined;
  /**
   * Returns the net.Socket, paused and without this wire's listeners, for node:tls to take over. The
   * listener is not called again. What node:tls makes of the socket gets a wire of its own, with the
   * same addresses.
   * @throws ConnectionLostError when it is closed and has no socket; InvalidStateError in memory
   */
  release(): Socket;
}
