// The wire of a connection whose socket another protocol reads and writes, such as node:http. It
// moves no bytes. It reports the end of the socket, ends it when told to, and counts for it, so that
// limits, statistics and shutdown work on such a connection as on any other.
//
// States: OPEN -(the socket closes)-> CLOSED (`onClose` was called).
//
// The protocol decides when it reads, so pause(), resume() and discard() do nothing. A shutdown that
// finds the connection between messages calls the protocol (Connection.endReading).
import type { Socket } from 'node:net';
import { callSoon, InvalidStateError } from '../core/index.ts';
import type { Addresses } from './address.ts';
import { SocketWire } from './socket-wire.ts';
import type { TlsStart, Wire, WireListener } from './wire.ts';

export class HandedWire extends SocketWire implements Wire {
  #listener: WireListener | undefined = undefined;
  #error: Error | undefined = undefined;
  #closed = false;

  constructor(socket: Socket, addresses: Addresses) {
    super(socket, addresses);
    socket.on('error', this.#onError).on('close', this.#onClose);
  }

  /** Bytes that came from the peer. */
  get bytesRead(): number {
    return this.socket.bytesRead;
  }

  /** Bytes that the protocol wrote. */
  get bytesWritten(): number {
    return this.socket.bytesWritten ?? 0; // undefined when the socket is closed
  }

  /** Bytes that the protocol wrote and that the socket still holds. */
  get unsent(): number {
    return this.socket.writableLength;
  }

  get paused(): boolean {
    return true;
  }

  listen(listener: WireListener): void {
    this.#listener = listener;
    if (this.#closed) callSoon(() => listener.onClose(this.#error));
  }

  pause(): void {}

  resume(): void {}

  discard(): void {}

  write(): boolean {
    throw new InvalidStateError('Cannot write: another protocol writes to this connection');
  }

  override destroy(error?: Error): void {
    this.#error ??= error; // 'error' of the socket may have another receiver that hides it
    super.destroy(error);
  }

  release(): Socket {
    throw new InvalidStateError('Cannot release the socket: another protocol has it');
  }

  startTls(): TlsStart {
    throw new InvalidStateError('Cannot start TLS: another protocol has the socket');
  }

  readonly #onError = (error: Error): void => {
    this.#error ??= error;
  };

  readonly #onClose = (): void => {
    this.#closed = true;
    this.#listener?.onClose(this.#error);
  };
}
