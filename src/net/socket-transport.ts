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
import type { Socket } from 'node:net';
import { callLater, ConnectionLostError, type Handle, loopTime } from '../core/index.ts';
import { joinChunks, StreamReader, type StreamReaderOptions, StreamWriter, type StreamWriterOptions, type Transport } from '../streams/index.ts';
import type { Address } from './address.ts';

/** Milliseconds for which a closed connection takes and drops input that nobody read. */
const LINGER = 500;
/** Bytes: what is written in one turn is copied together up to this size; above it goes out as a vector. */
const COPY_UP_TO = 65536;

export class SocketTransport implements Transport {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
  bytesRead = 0;
  /** Why the socket broke. */
  error: unknown = undefined;
  readonly #socket: Socket;
  readonly #ends: { readonly peer: Address; readonly local: Address };
  readonly #onGone: () => void;
  #gone = false;
  /** The reader gets nothing any more; what comes is dropped. */
  #deaf = false;
  #peerEnded = false;
  /** When bytes last came, on the loop's clock, and how much had been written by then: for isIdle. */
  #lastData = 0;
  #writtenAtData = -1;
  #lingering: Handle | undefined = undefined;

  /** `onGone` is called once, when the socket is closed and both sides know. */
  constructor(
    socket: Socket,
    ends: { readonly peer: Address; readonly local: Address },
    options: StreamReaderOptions & StreamWriterOptions,
    onGone: () => void,
  ) {
    this.#socket = socket;
    this.#ends = ends;
    this.#onGone = onGone;
    this.reader = new StreamReader(options);
    this.reader.setTransport(this);
    this.writer = new StreamWriter(this, options);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error) => (this.error ??= error));
    socket.on('close', () => this.#onClose());
    socket.resume(); // it was made paused, so that nothing came before this
  }

  // ---- called by the reader and the writer ---------------------------------------------------------------------

  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean {
    const socket = this.#socket;
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

  canWriteEof(): boolean {
    return true;
  }

  writeEof(): void {
    this.#socket.end();
  }

  close(): void {
    const mayHaveInput = !this.#peerEnded && (this.#socket.isPaused() || this.reader.bufferedBytes > 0 || this.#deaf);
    if (!mayHaveInput) {
      // destroySoon sends our end, then closes. It does not wait for the peer's.
      this.#socket.destroySoon();
      return;
    }
    this.#lingering = callLater(LINGER, () => this.#socket.destroy());
    this.#socket.end();
    this.endReading();
  }

  abort(): void {
    // A reset, where there is such a thing: the peer shall not take what it got for all there was.
    const socket = this.#socket as Socket & { resetAndDestroy?: () => void }; // missing on some hosts
    if (typeof socket.resetAndDestroy === 'function' && socket.remoteAddress !== undefined) socket.resetAndDestroy();
    else socket.destroy();
  }

  getExtraInfo(name: string): unknown {
    switch (name) {
      case 'socket':
        return this.#socket;
      case 'peername':
        return this.#ends.peer;
      case 'sockname':
        return this.#ends.local;
      default:
        return undefined;
    }
  }

  // ---- called by the connection --------------------------------------------------------------------------------

  /** Ends the reader's stream now; what the peer still sends is dropped. */
  endReading(): void {
    if (!this.#deaf && !this.#peerEnded && !this.#gone) this.reader.feedEof();
    this.#deaf = true;
    this.#socket.resume();
  }

  /**
   * True when a read waits with nothing held and nothing unsent, and the peer is between messages as far as one can see:
   * the last to speak were we, or it has been quiet for `quietFor` milliseconds.
   */
  isIdle(quietFor: number): boolean {
    if (!this.reader.waiting || this.reader.bufferedBytes > 0 || this.writer.bufferedBytes > 0) return false;
    const answered = this.writer.bytesWritten !== this.#writtenAtData;
    return answered || this.bytesRead === 0 || loopTime() - this.#lastData >= quietFor;
  }

  // ---- the socket's events -------------------------------------------------------------------------------------

  #onData(chunk: Buffer): void {
    this.bytesRead += chunk.length;
    this.#lastData = loopTime();
    this.#writtenAtData = this.writer.bytesWritten;
    if (!this.#deaf) this.reader.feedData(chunk);
  }

  #onEnd(): void {
    this.#peerEnded = true;
    if (!this.#deaf) this.reader.feedEof();
    if (this.#lingering !== undefined) this.#socket.destroySoon();
  }

  readonly #onTaken = (error?: Error | null): void => {
    if (error === null || error === undefined) this.writer.taken(); // an error comes with 'close' too
  };

  #onClose(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#lingering?.cancel();
    const { error } = this;
    if (!this.#peerEnded && !this.#deaf) {
      if (error === undefined) this.reader.feedEof();
      else this.reader.setException(new ConnectionLostError(`Connection lost: ${messageOf(error)}`, { cause: error }));
    }
    this.writer.lost(error);
    this.#onGone();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
