// The transport of a net.Socket: its events become calls of a reader and a writer, and theirs its methods.
//
// States: OPEN -> (close, or the peer and we have both ended) ENDING -> GONE (the socket's 'close' event).
//
// - The peer's end is fed to the reader; the socket stays open for writing (half-open) until we close it.
// - close() comes when everything written was taken. Closing a socket with input the program never read makes the kernel
//   answer with a reset, which can destroy what we sent and the peer has not read. So if there may be such input, we send
//   our end first and drop what comes in until the peer ends too, for at most LINGER ms and LINGER_BYTES. Otherwise we
//   close at once and do not wait for the peer.
// - An error is kept until 'close' and told once to both sides. A reader that had the peer's end already keeps it: an
//   error of writing does not take away what was received.
//
// How bytes move is for the two subclasses: EventTransport with the public events and methods of any runtime's net.Socket,
// RawTransport straight through the handle (raw-io.ts).
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { callLater, callSoon, ConnectionLostError, type Handle, InvalidStateError } from '../core/index.ts';
import {
  joinChunks,
  StreamReader,
  type StreamReaderOptions,
  StreamWriter,
  type StreamWriterOptions,
  type Transport,
} from '../streams/index.ts';
import type { Ends } from './address.ts';
import {
  type BytesListener,
  handleOf,
  keepBuffer,
  listenToBytes,
  type RawHandle,
  type RawIo,
  shareBuffer,
  systemError,
} from './raw-io.ts';
import { secureInPlace, SHUTDOWN_TIMEOUT, type StartTlsOptions, type TlsAcceptor, tlsInfo } from './secure.ts';

/** Milliseconds for which a closed connection takes and drops input that nobody read. */
const LINGER = 500;
/** Bytes that are dropped so: more than a kernel usually holds of what was sent before the peer could hear of our end. */
const LINGER_BYTES = 16 << 20;
/** Bytes: what is written in one turn is copied together up to this size; above it goes out as a vector. */
const COPY_UP_TO = 65536;

export interface TransportParts extends StreamReaderOptions, StreamWriterOptions {
  /** Who is at its two ends, for getExtraInfo. */
  readonly ends: () => Ends;
  /** Milliseconds a closing TLS connection waits for the peer's close_notify. */
  readonly shutdownTimeout?: number | undefined;
  /** Whether a server accepted it: the server's side of startTls. */
  readonly accepted?: boolean | undefined;
  /** Called once, when the socket is closed and both sides know. */
  readonly onGone: () => void;
}

/** Where a socket's event listeners find its transport: one set of functions serves all sockets. */
const TRANSPORT: unique symbol = Symbol('maitre.transport');
type OwnedSocket = Socket & { [TRANSPORT]?: SocketTransport };

function onEnd(this: OwnedSocket): void {
  this[TRANSPORT]?.peerEnded();
}

function onError(this: OwnedSocket, error: Error): void {
  this[TRANSPORT]?.failed(error);
  this.destroy(); // a TLSSocket tells of a forged record or an alert, and stays open
}

function onClose(this: OwnedSocket): void {
  this[TRANSPORT]?.closed();
}

export abstract class SocketTransport implements Transport {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
  /** Bytes that came from the peer. */
  bytesRead = 0;
  /** Why the socket broke. */
  error: unknown = undefined;
  protected socket: Socket;
  /** Non-null once it speaks TLS: the same object as `socket`. */
  protected secured: TLSSocket | undefined = undefined;
  readonly #parts: TransportParts;
  /** The reader gets nothing any more; what comes is dropped. */
  #deaf = false;
  /** Bytes dropped since then. */
  #dropped = 0;
  #peerEnded = false;
  #gone = false;
  /** How much had been written when bytes last came: for activity. */
  #writtenAtBytes = -1;
  #lingering: Handle | undefined = undefined;

  constructor(socket: Socket, parts: TransportParts) {
    this.socket = socket;
    this.#parts = parts;
    this.reader = new StreamReader(parts);
    this.reader.setTransport(this);
    this.writer = new StreamWriter(this, parts);
    if (socket instanceof TLSSocket) this.secured = socket;
    this.#own(socket);
  }

  #own(socket: Socket): void {
    (socket as OwnedSocket)[TRANSPORT] = this;
    socket.on('end', onEnd);
    socket.on('error', onError);
    socket.on('close', onClose);
  }

  #disown(socket: Socket): void {
    delete (socket as OwnedSocket)[TRANSPORT];
    socket.off('end', onEnd);
    socket.off('error', onError);
    socket.off('close', onClose);
  }

  // ---- called by the reader and the writer ---------------------------------------------------------------------

  abstract write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean;

  pauseReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    this.socket.resume();
  }

  /** Half a TLS connection cannot be closed in every version of TLS, so never. */
  canWriteEof(): boolean {
    return this.secured === undefined;
  }

  writeEof(): void {
    this.socket.end();
  }

  close(): void {
    const mayHaveInput = this.socket.isPaused() || this.reader.bufferedBytes > 0 || this.#deaf;
    // Over TLS the peer answers our close_notify with its own.
    const linger =
      this.secured === undefined ? (mayHaveInput ? LINGER : 0) : (this.#parts.shutdownTimeout ?? SHUTDOWN_TIMEOUT);
    if (linger === 0 || this.#peerEnded) {
      // destroySoon sends our end, then closes. It does not wait for the peer's.
      this.socket.destroySoon();
      return;
    }
    // A turn later than the time says: a loop that stood still reads what has come meanwhile first, the peer's end above all.
    this.#lingering = callLater(linger, () => callSoon(() => this.socket.destroy()));
    this.socket.end();
    this.endReading();
  }

  abort(): void {
    // A reset, where there is such a thing: the peer shall not take what it got for all there was. Over TLS the missing
    // close_notify says the same.
    const socket = this.socket as Socket & { resetAndDestroy?: () => void }; // missing on some hosts
    // An end on its way to the system cannot be overtaken: libuv refuses the reset, and net forgets the handle, open. All was
    // given to the system by then, so an end is the truth as well.
    const isEnding = socket.writableEnded && !socket.writableFinished;
    const canReset = this.secured === undefined && !isEnding && typeof socket.resetAndDestroy === 'function';
    if (canReset && socket.remoteAddress !== undefined) socket.resetAndDestroy?.();
    else socket.destroy();
  }

  getExtraInfo(name: string): unknown {
    switch (name) {
      case 'socket':
        return this.socket;
      case 'peername':
        return this.#parts.ends().peer;
      case 'sockname':
        return this.#parts.ends().local;
      default:
        return this.secured === undefined ? undefined : tlsInfo(this.secured, name);
    }
  }

  /** Goes on over TLS, with the same reader and writer. What the reader holds is the peer's first flight. */
  async startTls(options: StartTlsOptions | TlsAcceptor): Promise<void> {
    if (this.secured !== undefined) throw new InvalidStateError('Cannot start TLS: the connection speaks it already');
    const plain = this.socket;
    plain.pause();
    this.#disown(plain);
    this.stopBytes(plain);
    try {
      const secured = await secureInPlace(plain, this.reader.takeHeld(), this.#parts.accepted === true, options);
      this.socket = secured;
      this.secured = secured;
      this.#own(secured);
      this.startEvents(secured);
    } catch (error) {
      this.failed(error as Error); // handshakes fail with Errors
      plain.destroy();
      this.closed();
      throw error;
    }
  }

  /** Stops feeding the reader from a socket that changes over to TLS. */
  protected abstract stopBytes(socket: Socket): void;

  // ---- called by the connection --------------------------------------------------------------------------------

  /** Ends the connection at once, with an error of ours. */
  fail(error: Error): void {
    this.socket.destroy(error);
  }

  /** Ends the reader's stream now; what the peer still sends is dropped. */
  endReading(): void {
    if (!this.#deaf && !this.#peerEnded && !this.#gone) this.reader.feedEof();
    this.#deaf = true;
    this.socket.resume();
  }

  /**
   * What the peer is doing, as far as one can see. `idle`: a read waits with nothing held and nothing unsent, and the peer is
   * between messages: it has sent nothing, or we were the last to speak. `silent`: the same, but it was the last to speak and
   * may owe us the rest of a message. `busy`: anything else.
   */
  activity(): 'idle' | 'silent' | 'busy' {
    if (!this.reader.waiting || this.reader.bufferedBytes > 0 || this.writer.bufferedBytes > 0) return 'busy';
    return this.bytesRead === 0 || this.writer.bytesWritten !== this.#writtenAtBytes ? 'idle' : 'silent';
  }

  // ---- the socket's events -------------------------------------------------------------------------------------

  /** Feeds the reader from 'data' events. */
  protected startEvents(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      if (this.came(chunk.length)) this.reader.feedData(chunk);
    });
    socket.resume(); // it was made paused, so that nothing came before this
  }

  /** Writes with the public methods of net.Socket. */
  protected writeThroughSocket(chunks: readonly (string | Uint8Array)[], bytes: number): boolean {
    const { socket } = this;
    if (bytes <= COPY_UP_TO || chunks.length === 1) {
      socket.write(joinChunks(chunks, bytes), this.#onTaken);
      return false;
    }
    socket.cork();
    for (let i = 0; i < chunks.length - 1; i++) socket.write(chunks[i] as Uint8Array); // i < length
    socket.write(chunks[chunks.length - 1] as Uint8Array, this.#onTaken); // write() never gives an empty list
    socket.uncork();
    return false;
  }

  readonly #onTaken = (error?: Error | null): void => {
    // Destroyed, a socket calls back for what it dropped, too. That, and an error, comes with 'close'.
    if ((error === null || error === undefined) && !this.socket.destroyed) this.writer.taken();
  };

  /** True while bytes that come are wanted: asked before they are copied. */
  protected came(count: number): boolean {
    if (this.#deaf) {
      this.#dropped += count;
      if (this.#lingering !== undefined && this.#dropped > LINGER_BYTES) this.socket.destroy();
      return false;
    }
    this.bytesRead += count;
    this.#writtenAtBytes = this.writer.bytesWritten;
    return true;
  }

  /** @internal */
  peerEnded(): void {
    if (this.error !== undefined) return; // no end of the peer's: 'close' follows
    this.#peerEnded = true;
    if (!this.#deaf) this.reader.feedEof();
    if (this.#lingering !== undefined) this.socket.destroySoon();
  }

  /** @internal */
  failed(error: Error): void {
    this.error ??= error;
  }

  /** @internal */
  closed(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#lingering?.cancel();
    const { error } = this;
    if (!this.#peerEnded && !this.#deaf) {
      if (error === undefined) this.reader.feedEof();
      else this.reader.setException(new ConnectionLostError(`Connection lost: ${messageOf(error)}`, { cause: error }));
    }
    this.writer.lost(error);
    this.#parts.onGone();
  }
}

/** Over the public events and methods of net.Socket: every runtime, and TLS. */
export class EventTransport extends SocketTransport {
  constructor(socket: Socket, parts: TransportParts) {
    super(socket, parts);
    this.startEvents(socket);
  }

  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean {
    return this.writeThroughSocket(chunks, bytes);
  }

  protected stopBytes(socket: Socket): void {
    socket.removeAllListeners('data'); // this transport's own is the only one
  }
}

/** Straight through the handle, where raw-io.ts found that to work. */
export class RawTransport extends SocketTransport implements BytesListener {
  readonly #io: RawIo;
  readonly #handle: RawHandle | undefined;
  /** Reads fill the whole buffer: the socket has one of its own, which is handed over instead of copied. */
  #bulk = false;

  constructor(socket: Socket, io: RawIo, parts: TransportParts) {
    super(socket, parts);
    this.#io = io;
    this.#handle = handleOf(socket);
    listenToBytes(socket, this);
    socket.resume(); // it was made paused, so that nothing came before this
  }

  onBytes(count: number, buffer: Buffer): void {
    if (!this.came(count)) return;
    if (this.#bulk && count * 2 > buffer.length) {
      keepBuffer();
      this.reader.feedData(count === buffer.length ? buffer : buffer.subarray(0, count));
      return;
    }
    const full = count === buffer.length;
    if (full !== this.#bulk) {
      this.#bulk = full;
      if (full) keepBuffer();
      else shareBuffer();
    }
    const chunk = Buffer.allocUnsafe(count);
    buffer.copy(chunk, 0, 0, count);
    this.reader.feedData(chunk);
  }

  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean {
    if (this.secured !== undefined) return this.writeThroughSocket(chunks, bytes);
    const handle = this.#handle;
    if (handle === undefined || this.socket.destroyed) return false; // 'close' is on its way
    const pieces = chunks.length > 1 && bytes <= COPY_UP_TO ? [joinChunks(chunks, bytes)] : chunks;
    const status = this.#io.write(handle, pieces, this.#onDone);
    if (status === 0) return true;
    if (status < 0) this.socket.destroy(systemError(status, 'write'));
    return false;
  }

  protected stopBytes(socket: Socket): void {
    listenToBytes(socket, undefined);
  }

  readonly #onDone = (status: number): void => {
    if (this.socket.destroyed) return; // 'close' tells
    if (status >= 0) this.writer.taken();
    else this.socket.destroy(systemError(status, 'write'));
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
