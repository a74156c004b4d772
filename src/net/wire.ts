// What a SocketTransport moves its bytes through, from the accept or the connect to the close. There are two, and a third one in
// tests: RawWire (raw/wire.ts) straight at the system's handle, NetWire (net-wire.ts) over the public events and methods of a
// net.Socket, on every runtime and for TLS, and the simulation's MemoryWire without a system.
//
// A wire does what it is told and tells what happened; it decides nothing. Nobody outside asks which of them it is.
//
// States: PARKED (it reads nothing) -(listen)-> LISTENING -(destroy, close, reset, or an error)-> CLOSING -> CLOSED (`onClose` was
// called). PARKED and LISTENING may also be left by release().
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Addresses } from './address.ts';

/** Bytes: what is written in one turn is copied together up to this size; above it goes out as a vector. */
export const COPY_UP_TO = 65536;

/** Told by a wire. All calls come from the loop, never inside a call of the wire's own methods. */
export interface WireListener {
  /** Bytes came; the chunk is the listener's own. What it throws ends this wire, and nothing else. */
  onData(chunk: Buffer): void;
  /** Bytes came after discard(), and were dropped. */
  onDropped(count: number): void;
  /** The system has taken what was written last. Not after a write that returned true. */
  onWritten(): void;
  /** The peer sends no more. */
  onEnd(): void;
  /** It is closed, with what broke it, if anything did. Told once, and the last that is told. */
  onClose(error: Error | undefined): void;
}

export interface Wire {
  /** The two ends, asked for when it was accepted or had connected: they are known after the end too. */
  readonly addresses: Addresses;
  /** True from its end on, whoever ended it. */
  readonly destroyed: boolean;
  /**
   * Whether the peer has reset it, asked of the system: for wires that nobody listens to. False where that cannot be known.
   */
  readonly hasReset: boolean;
  /** Calls `fn` once when it is closed, also while nobody listens, and after release() when the socket is. */
  whenClosed(fn: () => void): void;
  /** Says who is told, and begins to read. Called once. When it is closed already, `onClose` follows. */
  listen(listener: WireListener): void;
  /** True while it does not read: there may be input that nobody has seen. */
  readonly paused: boolean;
  pause(): void;
  resume(): void;
  /** From now on, drops what comes without a copy; `onDropped` follows in place of `onData`. Does not resume. */
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
   * Gives the socket away, paused and without our listeners: node:tls needs it, and nobody else may read from it. Nothing is told any
   * more. The wire that node:tls makes possible is a new one, with the same addresses.
   * @throws ConnectionLostError when it is closed and no socket is left; InvalidStateError when there never was one
   */
  release(): Socket;
}
