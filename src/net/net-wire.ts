// A wire over the public events and methods of a net.Socket or tls.TLSSocket: for every runtime,
// and for TLS.
//
// A TLSSocket whose write fails after the peer's end reports nothing and stays open for ever: no
// callback, no 'error', no 'close' (Node 20 to 26). So while a write waits after that end, a timer
// asks the system whether the peer is still there.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { constants } from 'node:os';
import { addSoon, callLater, callSoon, type Handle, type Soon } from '../core/index.ts';
import { joinChunks } from '../streams/index.ts';
import type { Addresses } from './address.ts';
import { hasReset, systemError } from './raw/handle.ts';
import { secureInPlace, TlsAcceptor } from './secure.ts';
import { SocketWire } from './socket-wire.ts';
import { checkStartTls, type StartTlsOptions } from './tls-options.ts';
import { TurnShare } from './turn-share.ts';
import { COPY_UP_TO, type TlsStart, type Wire, type WireListener } from './wire.ts';

/** Bytes of the longest TLS record. A peer that sends such chunks may have more to read at once. */
const FULL = 16384;
/** Milliseconds between two checks of a peer that has ended, while a write waits. */
const LOOK_EVERY = 250;

export class NetWire extends SocketWire implements Wire, Soon {
  #listener: WireListener | undefined = undefined;
  #paused = false;
  /**
   * It has used its share of this turn (turn-share.ts). It reads again in the next turn, unless it
   * is paused.
   */
  #resting = false;
  #share: TurnShare | undefined = undefined;
  #error: Error | undefined = undefined;
  /** Number of writes that the system has not taken yet. */
  #waiting = 0;
  /** It speaks TLS and the peer has ended: a failed write may report nothing. */
  #mayBeMute = false;
  #looking: Handle | undefined = undefined;
  #closed = false;
  /** True after discard(): what comes is dropped. */
  #discards = false;

  /** @param socket connected and paused. An error destroys it, with or without a listener */
  constructor(socket: Socket, addresses: Addresses) {
    super(socket, addresses);
    socket.on('error', this.#onError).on('close', this.#onClose);
  }

  listen(listener: WireListener): void {
    this.#listener = listener;
    if (this.#closed) callSoon(() => listener.onClose(this.#error));
    else this.socket.on('data', this.#onData).on('end', this.#onEnd).resume();
  }

  get paused(): boolean {
    return this.socket.isPaused();
  }

  pause(): void {
    this.#paused = true;
    this.socket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#resting) this.socket.resume();
  }

  discard(): void {
    this.#discards = true;
  }

  /** Called in the turn after the one in which it used its share. */
  due(): void {
    this.#resting = false;
    if (!this.#paused) this.socket.resume();
  }

  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean {
    const { socket } = this;
    this.#waiting++;
    this.#lookLater();
    if (bytes <= COPY_UP_TO || chunks.length === 1) {
      socket.write(joinChunks(chunks, bytes), this.#onTaken);
      return false;
    }
    socket.cork();
    for (let i = 0; i < chunks.length - 1; i++) socket.write(chunks[i] as Uint8Array); // i < length
    socket.write(chunks[chunks.length - 1] as Uint8Array, this.#onTaken); // never an empty list
    socket.uncork();
    return false;
  }

  release(): Socket {
    this.#paused = true;
    return this.socket
      .pause()
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('error', this.#onError)
      .off('close', this.#onClose);
  }

  startTls(options: StartTlsOptions | TlsAcceptor, accepted: boolean, takeHeld: () => Buffer): TlsStart {
    return startTlsOver(this, options, accepted, takeHeld);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (chunk.length >= FULL && !this.#resting && (this.#share ??= new TurnShare()).isOver()) {
      this.#resting = true;
      this.socket.pause();
      addSoon(this);
    }
    try {
      if (this.#discards) this.#listener?.onDropped(chunk.length);
      else this.#listener?.onData(chunk);
    } catch (error) {
      this.socket.destroy(error as Error); // feedEof() by the reader's user: end this connection, not the process
    }
  };

  readonly #onEnd = (): void => {
    if (this.#error !== undefined) return; // 'close' follows
    this.#mayBeMute = this.socket instanceof TLSSocket;
    this.#lookLater();
    this.#listener?.onEnd();
  };

  #lookLater(): void {
    if (this.#mayBeMute && this.#waiting > 0) this.#looking ??= callLater(LOOK_EVERY, this.#look);
  }

  readonly #look = (): void => {
    this.#looking = undefined;
    if (hasReset(this.socket)) this.#onError(systemError(-constants.errno.ECONNRESET, 'write'));
    else this.#lookLater();
  };

  readonly #onError = (error: Error): void => {
    this.#error ??= error;
    this.socket.destroy(); // after a forged record or an alert, a TLSSocket stays open
  };

  readonly #onClose = (): void => {
    this.#closed = true;
    this.#looking?.cancel();
    this.#listener?.onClose(this.#error);
  };

  readonly #onTaken = (error?: Error | null): void => {
    this.#waiting--;
    // A destroyed socket also calls back for what it dropped. The loss, or an error, is reported on
    // 'close'.
    if ((error === null || error === undefined) && !this.socket.destroyed) this.#listener?.onWritten();
  };
}

/** `startTls` of every wire that has a socket. node:tls takes over sockets, so both wires are NetWires. */
export function startTlsOver(
  wire: Wire,
  options: StartTlsOptions | TlsAcceptor,
  accepted: boolean,
  takeHeld: () => Buffer,
): TlsStart {
  if (!(options instanceof TlsAcceptor)) checkStartTls(options, accepted);
  // Before release(). A full reader resumes its transport here, and that must not resume the socket
  // when no wire listens to it.
  const received = takeHeld();
  const { addresses } = wire;
  const socket = wire.release();
  const secure = async (): Promise<Wire> =>
    new NetWire(await secureInPlace(socket, received, accepted, options), addresses);
  return { plain: new NetWire(socket, addresses), secured: secure() };
}
