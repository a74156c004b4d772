// The transport of a net.Socket: its events become calls of a reader and a writer, and theirs its methods.
//
// States: OPEN -> (close, or the peer and we have both ended) ENDING -> GONE (the socket's 'close' event).
//
// - The peer's end is fed to the reader; the socket stays open for writing (half-open) until we close it.
// - close() comes when everything written was taken. Closing a socket with input the program never read makes the kernel
//   answer with a reset, which can destroy what we sent and the peer has not read. So if there may be such input, we send
//   our end first and drop what comes in until the peer ends too, for at most LINGER ms. Otherwise we close at once and do
//   not wait for the peer.
// - An error is kept until 'close' and told once to both sides. A reader that had the peer's end already keeps it: an
//   error of writing does not take away what was received.
//
// How bytes move is for the two subclasses: EventTransport with the public events and methods of any runtime's net.Socket,
// RawTransport straight through the handle (raw-io.ts).
import type { Socket } from 'node:net';
import { callLater, ConnectionLostError, type Handle } from '../core/index.ts';
import {
  joinChunks,
  StreamReader,
  type StreamReaderOptions,
  StreamWriter,
  type StreamWriterOptions,
  type Transport,
} from '../streams/index.ts';
import type { Address } from './address.ts';
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

/** Milliseconds for which a closed connection takes and drops input that nobody read. */
const LINGER = 500;
/** Bytes: what is written in one turn is copied together up to this size; above it goes out as a vector. */
const COPY_UP_TO = 65536;

export interface TransportParts extends StreamReaderOptions, StreamWriterOptions {
  readonly peer: Address;
  readonly local: Address;
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
  protected readonly socket: Socket;
  readonly #parts: TransportParts;
  /** The reader gets nothing any more; what comes is dropped. */
  #deaf = false;
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
    (socket as OwnedSocket)[TRANSPORT] = this;
    socket.on('end', onEnd);
    socket.on('error', onError);
    socket.on('close', onClose);
  }

  // ---- called by the reader and the writer ---------------------------------------------------------------------

  abstract write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean;

  pauseReading(): void {
    this.socket.pause();
  }

  resumeReading(): void {
    this.socket.resume();
  }

  canWriteEof(): boolean {
    return true;
  }

  writeEof(): void {
    this.socket.end();
  }

  close(): void {
    const mayHaveInput = !this.#peerEnded && (this.socket.isPaused() || this.reader.bufferedBytes > 0 || this.#deaf);
    if (!mayHaveInput) {
      // destroySoon sends our end, then closes. It does not wait for the peer's.
      this.socket.destroySoon();
      return;
    }
    this.#lingering = callLater(LINGER, () => this.socket.destroy());
    this.socket.end();
    this.endReading();
  }

  abort(): void {
    // A reset, where there is such a thing: the peer shall not take what it got for all there was.
    const socket = this.socket as Socket & { resetAndDestroy?: () => void }; // missing on some hosts
    if (typeof socket.resetAndDestroy === 'function' && socket.remoteAddress !== undefined) socket.resetAndDestroy();
    else socket.destroy();
  }

  getExtraInfo(name: string): unknown {
    switch (name) {
      case 'socket':
        return this.socket;
      case 'peername':
        return this.#parts.peer;
      case 'sockname':
        return this.#parts.local;
      default:
        return undefined;
    }
  }

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

  /** True while bytes that come are wanted: asked before they are copied. */
  protected came(count: number): boolean {
    this.bytesRead += count;
    this.#writtenAtBytes = this.writer.bytesWritten;
    return !this.#deaf;
  }

  /** @internal */
  peerEnded(): void {
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

/** Over the public events and methods of net.Socket: every runtime. */
export class EventTransport extends SocketTransport {
  constructor(socket: Socket, parts: TransportParts) {
    super(socket, parts);
    socket.on('data', (chunk: Buffer) => {
      if (this.came(chunk.length)) this.reader.feedData(chunk);
    });
    socket.resume(); // it was made paused, so that nothing came before this
  }

  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean {
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
    const handle = this.#handle;
    if (handle === undefined || this.socket.destroyed) return false; // 'close' is on its way
    const pieces = chunks.length > 1 && bytes <= COPY_UP_TO ? [joinChunks(chunks, bytes)] : chunks;
    const status = this.#io.write(handle, pieces, this.#onDone);
    if (status === 0) return true;
    if (status < 0) this.socket.destroy(systemError(status, 'write'));
    return false;
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
