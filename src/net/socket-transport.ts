// The transport of a socket: what its wire tells becomes calls of a reader and a writer, and theirs become calls of the wire.
//
// States: OPEN -> (close, or the peer and we have both ended) ENDING -> GONE (the wire is closed).
//
// - The peer's end is fed to the reader; the socket stays open for writing (half-open) until we close it.
// - close() comes when everything written was taken: by the kernel, which may not have sent it. A socket that is closed answers
//   whatever comes in with a reset, and drops what it has not sent, also when it is input that was there and nobody read. So
//   while the kernel may hold bytes, we send our end first and drop what comes in until the peer ends too, for at most LINGER
//   ms; the writer is told at once that all is over, the owner when it is. With input left and little sent, SHORT_LINGER will do.
//   Otherwise we close at once.
// - What the kernel holds is not to be known (send-queues.ts is too dear for every close), so it is guessed: SLOWEST bytes a
//   millisecond leave. Up to AT_ONCE bytes leave without an answer of the peer, so small answers cost nothing.
// - An error is told once to both sides, when the wire is closed. A reader that had the peer's end already keeps it: an
//   error of writing does not take away what was received.
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { callLater, callSoon, ConnectionLostError, type Handle, InvalidStateError, loopTime } from '../core/index.ts';
import {
  StreamReader,
  type StreamReaderOptions,
  StreamWriter,
  type StreamWriterOptions,
  type Transport,
} from '../streams/index.ts';
import type { Addresses } from './address.ts';
import { type ConnectionTls, tlsOf } from './connection-tls.ts';
import { NetWire } from './net-wire.ts';
import { secureInPlace, CLOSE_NOTIFY_TIMEOUT, TlsAcceptor, tlsInfo } from './secure.ts';
import { checkStartTls, type StartTlsOptions } from './tls-options.ts';
import type { Wire } from './wire.ts';

/** Milliseconds for which a closed connection waits for the peer's end while the kernel may hold what was sent. */
const LINGER = 30_000;
/** The same when there may be input and little was sent: so that the peer reads that and an end, and not a reset. */
const SHORT_LINGER = 500;
/** Bytes a millisecond that a peer takes at least, as far as we guess. */
const SLOWEST = 32;
/** Bytes that leave at once: the first flight of TCP, 10 segments (RFC 6928). */
const AT_ONCE = 14_600;
/** Deno's node:tls shows our end to the peer only when the socket is closed: there the peer would be waited for in vain. */
const HIDES_TLS_END = 'deno' in process.versions;
/** Bytes that are dropped at full speed: more than a kernel usually holds of what was sent before the peer could hear of our end. */
const DROP_FREELY = 16 << 20;
/** Milliseconds between two chunks of what is dropped after those. */
const DROP_EVERY = 10;

/** What the connections of one server, or one opened connection, have in common. */
export interface TransportSettings extends StreamReaderOptions, Pick<StreamWriterOptions, 'maxBuffered'> {
  /** Milliseconds a closing TLS connection waits for the peer's close_notify. */
  readonly closeNotifyTimeout?: number | undefined;
  /** Whether a server accepted it: the server's side of startTls. */
  readonly accepted?: boolean | undefined;
}

/** Whose transport it is. */
export interface TransportOwner {
  /** Who is at its two ends. */
  readonly addresses: Addresses;
  /** Called once, when the socket is closed and both sides know. */
  onTransportClose(): void;
  /** The reader or the writer may hold so many bytes more: they came, or the system did not take them at once. */
  holding(bytes: number): void;
  /** maxBuffered ended it. */
  overflowed(error: ConnectionLostError): void;
}

export class SocketTransport implements Transport {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
  /** Bytes that came from the peer. */
  bytesRead = 0;
  /** The writer was told that all is over, and the socket still waits for the peer's end. */
  isLingering = false;
  /** Why the socket broke. */
  error: unknown = undefined;
  #owner: TransportOwner | undefined = undefined;
  readonly #settings: TransportSettings;
  #wire: Wire;
  /** Non-null once it speaks TLS: the wire's socket. */
  #secured: TLSSocket | undefined = undefined;
  /** The reader holds enough. */
  #readerFull = false;
  /** The server's connections hold too much together. */
  #heldBack = false;
  /** What its handshake has settled; undefined without TLS. */
  tls: ConnectionTls | undefined = undefined;
  /** The reader gets nothing any more; the wire drops what comes. */
  #inputEnded = false;
  /** Bytes dropped since then. */
  #dropped = 0;
  #peerEnded = false;
  #gone = false;
  /** How much had been written when bytes last came: for activity. */
  #writtenAtBytes = -1;
  /** Bytes that the kernel may hold, as of #heldAt: guessed. */
  #held = 0;
  #heldAt = 0;
  #lingering: Handle | undefined = undefined;
  #dropping: Handle | undefined = undefined;

  /** It reads nothing before `start()`. */
  constructor(wire: Wire, settings: TransportSettings) {
    this.#wire = wire;
    this.#settings = settings;
    const { limit, pauseAbove, readLimit } = settings;
    this.reader = new StreamReader({ limit, pauseAbove, readLimit });
    this.reader.setTransport(this);
    // Not `settings` itself: a connection's onOverflow wants to know of whom, and is told by overflowed().
    this.writer = new StreamWriter(this, { maxBuffered: settings.maxBuffered });
    if (wire.secured !== undefined) this.#setSecured(wire.secured);
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
    const now = loopTime();
    this.#held = Math.max(0, this.#held - (now - this.#heldAt) * SLOWEST) + bytes;
    this.#heldAt = now;
    const isTaken = this.#wire.write(chunks, bytes);
    if (!isTaken) this.#owner?.holding(bytes);
    return isTaken;
  }

  pauseReading(): void {
    this.#readerFull = true;
    this.#wire.pause();
  }

  resumeReading(): void {
    this.#readerFull = false;
    if (!this.#heldBack) this.#wire.resume();
  }

  /** Half a TLS connection cannot be closed in every version of TLS, so never. */
  canWriteEof(): boolean {
    return this.#secured === undefined;
  }

  writeEof(): void {
    this.#wire.end();
  }

  close(): void {
    const linger = this.#lingerTime();
    if (linger === 0 || this.#peerEnded) {
      this.#wire.close();
      return;
    }
    // A turn later than the time says: a loop that stood still reads what has come meanwhile first, the peer's end above all.
    this.#lingering = callLater(linger, () => callSoon(() => this.#wire.destroy()));
    this.#wire.end();
    this.endReading();
    // Whoever closed it need not wait for a peer that takes its time: there is nothing left to do for it.
    if (linger !== LINGER) return;
    this.isLingering = true;
    this.writer.onClose();
  }

  /** Ends the wait for the peer's end: the socket is closed now. */
  stopLingering(): void {
    if (this.#lingering !== undefined) this.#wire.reset();
  }

  #lingerTime(): number {
    const mayHaveInput = this.#wire.paused || this.reader.bufferedBytes > 0 || this.#inputEnded;
    const mayHold = this.#held > AT_ONCE && this.#held - (loopTime() - this.#heldAt) * SLOWEST > AT_ONCE;
    if (mayHold && !(HIDES_TLS_END && this.#secured !== undefined)) return LINGER;
    // Over TLS the peer answers our close_notify with its own.
    if (this.#secured !== undefined) return this.#settings.closeNotifyTimeout ?? CLOSE_NOTIFY_TIMEOUT;
    return mayHaveInput ? SHORT_LINGER : 0;
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
        return this.#owner?.addresses.peer;
      case 'sockname':
        return this.#owner?.addresses.local;
      default:
        return this.#secured === undefined ? undefined : tlsInfo(this.#secured, name);
    }
  }

  /** Goes on over TLS, with the same reader and writer. What the reader holds is the peer's first flight. */
  async startTls(options: StartTlsOptions | TlsAcceptor): Promise<void> {
    if (this.#secured !== undefined) throw new InvalidStateError('Cannot start TLS: the connection speaks it already');
    if (this.#gone) throw new InvalidStateError('Cannot start TLS: the connection is gone');
    if (!(options instanceof TlsAcceptor)) checkStartTls(options, this.#settings.accepted === true);
    // First: a reader that was full lets its transport go on, which must not be the socket that nobody listens to.
    const received = this.reader.takeHeld();
    const { addresses } = this.#wire;
    const plain = this.#wire.release();
    this.#wire = new NetWire(plain, addresses); // so that an abort reaches it meanwhile
    try {
      const secured = await secureInPlace(plain, received, this.#settings.accepted === true, options);
      this.#setSecured(secured);
      this.#wire = new NetWire(secured, addresses);
      if (this.#inputEnded) this.#wire.discard(); // it ended during the handshake
      this.start();
      if (this.#heldBack) this.#wire.pause();
    } catch (error) {
      plain.destroy();
      this.onClose(error as Error); // handshakes fail with Errors
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

  /** Bytes of memory that the reader and the writer take. */
  get heldBytes(): number {
    return this.reader.heldBytes + this.writer.heldBytes;
  }

  /** Reads nothing, whatever the reader wants, until it is called with false. */
  holdBack(on: boolean): void {
    this.#heldBack = on;
    if (on && !this.#inputEnded) this.#wire.pause();
    else if (!this.#readerFull) this.#wire.resume();
  }

  /** Bytes written that the system has not taken: of the write under way, what libuv still holds. */
  get untakenBytes(): number {
    const { bufferedBytes, pendingBytes } = this.writer;
    return Math.min(bufferedBytes, pendingBytes + (this.#wire.queued ?? Infinity));
  }

  /** Ends the connection at once, with an error of ours. What it holds unread is freed now: its wire may take a while to close. */
  fail(error: Error): void {
    if (!this.#peerEnded && !this.#inputEnded) this.reader.drop();
    this.#wire.destroy(error);
  }

  /** Ends the reader's stream now; what the peer still sends is dropped. */
  endReading(): void {
    if (!this.#inputEnded && !this.#peerEnded && !this.#gone) this.reader.feedEof();
    this.#inputEnded = true;
    this.#wire.discard();
    this.#wire.resume();
  }

  /**
   * What the peer is doing, as far as one can see. `idle`: a read waits with nothing held and nothing unsent, and the peer is
   * between messages: it has sent nothing, or we were the last to speak. `silent`: the same, but it was the last to speak and
   * may owe us the rest of a message. `busy`: anything else, and within a record whose beginning was read.
   */
  activity(): 'idle' | 'silent' | 'busy' {
    const { waiting, bufferedBytes, isInRecord } = this.reader;
    if (!waiting || bufferedBytes > 0 || isInRecord || this.writer.bufferedBytes > 0) return 'busy';
    return this.bytesRead === 0 || this.writer.bytesWritten !== this.#writtenAtBytes ? 'idle' : 'silent';
  }

  // ---- called by the wire --------------------------------------------------------------------------------------

  /** @internal */
  onData(chunk: Buffer): void {
    this.bytesRead += chunk.length;
    this.#writtenAtBytes = this.writer.bytesWritten; // first: what is fed may be answered at once
    this.reader.feed(chunk);
    this.#owner?.holding(chunk.length);
  }

  /** @internal */
  onDropped(count: number): void {
    this.#dropped += count;
    if (this.#lingering !== undefined && this.#dropped > DROP_FREELY) this.#dropSlowly();
  }

  /** A peer that sends on and on is not ended, which would cut what it has not read, and gets little of our time. */
  #dropSlowly(): void {
    this.#wire.pause();
    this.#dropping = callLater(DROP_EVERY, () => this.#wire.resume());
  }

  /** @internal */
  onWritten(): void {
    this.writer.onWritten();
  }

  /** @internal */
  onEnd(): void {
    this.#peerEnded = true;
    if (!this.#inputEnded) this.reader.feedEof();
    if (this.#lingering !== undefined) this.#wire.close();
  }

  /** @internal */
  onClose(error: Error | undefined): void {
    if (this.#gone) return;
    this.#gone = true;
    this.error = error;
    this.#lingering?.cancel();
    this.#dropping?.cancel();
    if (!this.#peerEnded && !this.#inputEnded) {
      if (error === undefined) this.reader.feedEof();
      else {
        this.reader.setException(new ConnectionLostError(`Connection lost: ${error.message}`, { cause: error }));
        this.reader.drop();
      }
    }
    this.writer.onClose(error);
    this.#owner?.onTransportClose();
  }
}
