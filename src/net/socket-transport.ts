// The transport of a socket: what its wire tells becomes calls of a reader and a writer, and theirs become calls of the wire.
//
// States: OPEN -> (close, or the peer and we have both ended) ENDING -> GONE (the wire is closed).
//
// - The peer's end is fed to the reader; the socket stays open for writing (half-open) until we close it.
// - close() comes when everything written was taken. Closing a socket with input the program never read makes the kernel
//   answer with a reset, which can destroy what we sent and the peer has not read. So if there may be such input, we send
//   our end first and drop what comes in until the peer ends too, for at most LINGER ms and LINGER_BYTES. Otherwise we
//   close at once and do not wait for the peer.
// - An error is told once to both sides, when the wire is closed. A reader that had the peer's end already keeps it: an
//   error of writing does not take away what was received.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { callLater, callSoon, ConnectionLostError, type Handle, InvalidStateError } from '../core/index.ts';
import {
  StreamReader,
  type StreamReaderOptions,
  StreamWriter,
  type StreamWriterOptions,
  type Transport,
} from '../streams/index.ts';
import type { Ends } from './address.ts';
import { type ConnectionTls, tlsOf } from './connection-tls.ts';
import { NetWire } from './net-wire.ts';
import { secureInPlace, SHUTDOWN_TIMEOUT, TlsAcceptor, tlsInfo } from './secure.ts';
import { checkStartTls, type StartTlsOptions } from './tls-options.ts';
import type { Wire, WireListener } from './wire.ts';

/** Milliseconds for which a closed connection takes and drops input that nobody read. */
const LINGER = 500;
/** Bytes that are dropped so: more than a kernel usually holds of what was sent before the peer could hear of our end. */
const LINGER_BYTES = 16 << 20;

/** What the connections of one server, or one opened connection, have in common. */
export interface TransportSettings extends StreamReaderOptions, Pick<StreamWriterOptions, 'maxBuffered'> {
  /** Milliseconds a closing TLS connection waits for the peer's close_notify. */
  readonly shutdownTimeout?: number | undefined;
  /** Whether a server accepted it: the server's side of startTls. */
  readonly accepted?: boolean | undefined;
}

/** Whose transport it is. */
export interface TransportOwner {
  /** Who is at its two ends. */
  readonly ends: Ends;
  /** Called once, when the socket is closed and both sides know. */
  gone(): void;
  /** maxBuffered ended it. */
  overflowed(error: ConnectionLostError): void;
}

export class SocketTransport implements Transport, WireListener {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
  /** Bytes that came from the peer. */
  bytesRead = 0;
  /** Why the socket broke. */
  error: unknown = undefined;
  #owner: TransportOwner | undefined = undefined;
  readonly #settings: TransportSettings;
  #wire: Wire;
  /** Non-null once it speaks TLS: the wire's socket. */
  #secured: TLSSocket | undefined = undefined;
  /** What its handshake has settled; undefined without TLS. */
  tls: ConnectionTls | undefined = undefined;
  /** The reader gets nothing any more; what comes is dropped. */
  #deaf = false;
  /** Bytes dropped since then. */
  #dropped = 0;
  #peerEnded = false;
  #gone = false;
  /** How much had been written when bytes last came: for activity. */
  #writtenAtBytes = -1;
  #lingering: Handle | undefined = undefined;

  /** It reads nothing before `start()`. */
  constructor(wire: Wire, settings: TransportSettings) {
    this.#wire = wire;
    this.#settings = settings;
    this.reader = new StreamReader(settings);
    this.reader.setTransport(this);
    // Not `settings` itself: a connection's onOverflow wants to know of whom, and is told by overflowed().
    this.writer = new StreamWriter(this, { maxBuffered: settings.maxBuffered });
    if (wire instanceof NetWire && wire.socket instanceof TLSSocket) this.#setSecured(wire.socket);
  }

  /** Says whose transport it is; before `start`. */
  ownedBy(owner: TransportOwner): void {
    this.#owner = owner;
  }

  start(): void {
    this.#wire.listen(this);
  }

  // ---- called by the reader and the writer ---------------------------------------------------------------------

  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean {
    return this.#wire.write(chunks, bytes);
  }

  pauseReading(): void {
    this.#wire.pause();
  }

  resumeReading(): void {
    this.#wire.resume();
  }

  /** Half a TLS connection cannot be closed in every version of TLS, so never. */
  canWriteEof(): boolean {
    return this.#secured === undefined;
  }

  writeEof(): void {
    this.#wire.end();
  }

  close(): void {
    const mayHaveInput = this.#wire.paused || this.reader.bufferedBytes > 0 || this.#deaf;
    // Over TLS the peer answers our close_notify with its own.
    const linger =
      this.#secured === undefined ? (mayHaveInput ? LINGER : 0) : (this.#settings.shutdownTimeout ?? SHUTDOWN_TIMEOUT);
    if (linger === 0 || this.#peerEnded) {
      this.#wire.close();
      return;
    }
    // A turn later than the time says: a loop that stood still reads what has come meanwhile first, the peer's end above all.
    this.#lingering = callLater(linger, () => callSoon(() => this.#wire.destroy()));
    this.#wire.end();
    this.endReading();
  }

  abort(): void {
    this.#wire.reset();
  }

  overflowed(error: ConnectionLostError): void {
    this.#owner?.overflowed(error);
  }

  getExtraInfo(name: string): unknown {
    switch (name) {
      case 'socket':
        return this.#wire.socket;
      case 'peername':
        return this.#owner?.ends.peer;
      case 'sockname':
        return this.#owner?.ends.local;
      default:
        return this.#secured === undefined ? undefined : tlsInfo(this.#secured, name);
    }
  }

  /** Goes on over TLS, with the same reader and writer. What the reader holds is the peer's first flight. */
  async startTls(options: StartTlsOptions | TlsAcceptor): Promise<void> {
    if (this.#secured !== undefined) throw new InvalidStateError('Cannot start TLS: the connection speaks it already');
    if (this.#gone) throw new InvalidStateError('Cannot start TLS: the connection is gone');
    if (!(options instanceof TlsAcceptor)) checkStartTls(options, this.#settings.accepted === true);
    const plain = this.#wire.release();
    this.#wire = new NetWire(plain); // so that an abort reaches it meanwhile
    try {
      const secured = await secureInPlace(plain, this.reader.takeHeld(), this.#settings.accepted === true, options);
      this.#setSecured(secured);
      this.#wire = new NetWire(secured);
      this.start();
    } catch (error) {
      plain.destroy();
      this.closed(error as Error); // handshakes fail with Errors
      throw error;
    }
  }

  #setSecured(socket: TLSSocket): void {
    this.#secured = socket;
    this.tls = tlsOf(socket);
  }

  // ---- called by the connection --------------------------------------------------------------------------------

  /** The net.Socket it is or can show itself as; undefined when it is closed and was never one. */
  get socket(): Socket | undefined {
    return this.#wire.socket;
  }

  /** Ends the connection at once, with an error of ours. */
  fail(error: Error): void {
    this.#wire.destroy(error);
  }

  /** Ends the reader's stream now; what the peer still sends is dropped. */
  endReading(): void {
    if (!this.#deaf && !this.#peerEnded && !this.#gone) this.reader.feedEof();
    this.#deaf = true;
    this.#wire.resume();
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

  // ---- called by the wire --------------------------------------------------------------------------------------

  /** @internal */
  came(count: number): boolean {
    if (this.#deaf) {
      this.#dropped += count;
      if (this.#lingering !== undefined && this.#dropped > LINGER_BYTES) this.#wire.destroy();
      return false;
    }
    this.bytesRead += count;
    this.#writtenAtBytes = this.writer.bytesWritten;
    return true;
  }

  /** @internal */
  feed(chunk: Buffer): void {
    this.reader.feed(chunk);
  }

  /** @internal */
  taken(): void {
    this.writer.taken();
  }

  /** @internal */
  peerEnded(): void {
    this.#peerEnded = true;
    if (!this.#deaf) this.reader.feedEof();
    if (this.#lingering !== undefined) this.#wire.close();
  }

  /** @internal */
  closed(error: Error | undefined): void {
    if (this.#gone) return;
    this.#gone = true;
    this.error = error;
    this.#lingering?.cancel();
    if (!this.#peerEnded && !this.#deaf) {
      if (error === undefined) this.reader.feedEof();
      else this.reader.setException(new ConnectionLostError(`Connection lost: ${error.message}`, { cause: error }));
    }
    this.writer.lost(error);
    this.#owner?.gone();
  }
}
