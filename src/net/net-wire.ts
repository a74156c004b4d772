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
import type { WireTls } from './connection-tls.ts';
import { hasReset, systemError } from './raw/handle.ts';
import { secureInPlace, tlsUnder, TlsAcceptor } from './secure.ts';
import { checkStartTls, type StartTlsOptions } from './tls-options.ts';
import { TurnShare } from './turn-share.ts';
import { COPY_UP_TO, type TlsStart, type Wire, type WireListener } from './wire.ts';

/** Bytes of the longest TLS record. A peer that sends such chunks may have more to read at once. */
const FULL = 16384;
/** Milliseconds between two checks of a peer that has ended, while a write waits. */
const LOOK_EVERY = 250;

export class NetWire implements Wire, Soon {
  readonly socket: Socket;
  readonly addresses: Addresses;
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
    this.socket = socket;
    this.addresses = addresses;
    socket.on('error', this.#onError).on('close', this.#onClose);
  }

  get destroyed(): boolean {
    return this.socket.destroyed;
  }

  get hasReset(): boolean {
    return hasReset(this.socket);
  }

  get secured(): TLSSocket | undefined {
    return this.socket instanceof TLSSocket ? this.socket : undefined;
  }

  get tls(): WireTls | undefined {
    const { secured } = this;
    return secured === undefined ? undefined : tlsUnder(secured);
  }

  whenClosed(fn: () => void): void {
    this.socket.once('close', fn);
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

  /** Called in the turn after the one in which it used its share. @internal */
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

  get queued(): number | undefined {
    // net itself compares this when its timeout has passed. Nothing is lost where it is missing.
    return (this.socket as { readonly _handle?: { readonly writeQueueSize?: number } | null })._handle?.writeQueueSize;
  }

  end(): void {
    this.socket.end();
  }

  close(): void {
    this.socket.destroySoon();
  }

  destroy(error?: Error): void {
    this.socket.destroy(error);
  }

  reset(): void {
    const socket = this.socket as Socket & { resetAndDestroy?: () => void }; // missing on some hosts
    // Over TLS, the missing close_notify has the meaning of a reset. A Unix socket has no reset,
    // and no address. An end on its way to the system cannot be overtaken: libuv refuses the reset,
    // and net forgets the handle while it is open. The system has everything by then, so an end is
    // correct too.
    const isEnding = socket.writableEnded && !socket.writableFinished;
    const canReset = !(socket instanceof TLSSocket) && !isEnding && typeof socket.resetAndDestroy === 'function';
    if (canReset && socket.remoteAddress !== undefined) socket.resetAndDestroy?.();
    else socket.destroy();
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
