// The transport of a socket. It turns the reports of its wire into calls of a reader and a writer,
// and their calls into calls of the wire.
//
// States: OPEN -(close(), or both the peer and we have ended)-> ENDING -(the wire closes)-> GONE.
//
// - The peer's end goes to the reader. The socket stays open for writing (half-open) until we close
//   it.
// - close() is called when the kernel has taken everything written. The kernel may not have sent it
//   yet. A closed socket answers input with a reset, and drops what it has not sent; input that was
//   there and that nobody read has the same effect. So while the kernel may hold bytes, we
//   *linger*: we send our end first, and drop input until the peer ends too, for at most LINGER ms.
//   The writer is told at once that all is over, the owner when the socket is closed. With unread
//   input and little sent, SHORT_LINGER is enough. Otherwise we close at once.
// - What the kernel holds is not known (send-queues.ts costs too much for every close), so it is
//   estimated: SLOWEST bytes leave per millisecond. Up to AT_ONCE bytes leave without waiting for
//   the peer, so small answers never linger.
// - An error is reported once to both sides, when the wire is closed. A reader that already has the
//   peer's end keeps it: an error of writing does not take away what was received.
import type { Socket } from 'node:net';
import { callLater, callSoon, ConnectionLostError, type Handle, InvalidStateError, loopTime } from '../core/index.ts';
import {
  StreamReader,
  type StreamReaderOptions,
  StreamWriter,
  type StreamWriterOptions,
  type Transport,
} from '../streams/index.ts';
import type { Addresses } from './address.ts';
import type { ConnectionTls, WireTls } from './connection-tls.ts';
import type { HandedWire } from './handed-wire.ts';
import type { TlsAcceptor } from './secure.ts';
import type { StartTlsOptions } from './tls-options.ts';
import type { Wire } from './wire.ts';

/**
 * Milliseconds that a closed connection waits for the peer's end while the kernel may hold what was
 * sent.
 */
const LINGER = 30_000;
/**
 * The same, in milliseconds, when there may be unread input and little was sent. It lets the peer
 * read an end instead of a reset.
 */
const SHORT_LINGER = 500;
/** Bytes per millisecond that a peer is assumed to take at least. */
const SLOWEST = 32;
/** Bytes that leave at once: the first flight of TCP, 10 segments (RFC 6928). */
const AT_ONCE = 14_600;
/** Milliseconds that a closing TLS connection waits for the peer's close_notify, by default. */
const CLOSE_NOTIFY_TIMEOUT = 5000;
/**
 * Bytes that are dropped at full speed. A kernel usually holds less than this of what the peer sent
 * before it learned of our end.
 */
const DROP_FREELY = 16 << 20;
/** Milliseconds between two chunks of input that are dropped after the first DROP_FREELY bytes. */
const DROP_EVERY = 10;

/**
 * What the connections of one server have in common. An opened connection has settings of its own.
 */
export interface TransportSettings extends StreamReaderOptions, Pick<StreamWriterOptions, 'maxBuffered'> {
  /** Milliseconds that a closing TLS connection waits for the peer's close_notify. */
  readonly closeNotifyTimeout?: number | undefined;
  /** Whether a server accepted the connection. It then takes the server's side in startTls. */
  readonly accepted?: boolean | undefined;
}

/** The owner of a transport: a Connection. */
export interface TransportOwner {
  /** The addresses of its two ends. */
  readonly addresses: Addresses;
  /** Called once, when the socket is closed, after the reader and the writer know. */
  onTransportClose(): void;
  /**
   * The reader or the writer may hold `bytes` more: they came, or the system did not take them at
   * once.
   */
  holding(bytes: number): void;
  /** maxBuffered ended the transport. */
  overflowed(error: ConnectionLostError): void;
}

export class SocketTransport implements Transport {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
  /** Bytes that came from the peer. */
  bytesRead = 0;
  /**
   * True while it lingers: the writer knows that all is over, and the socket still waits for the
   * peer's end.
   */
  isLingering = false;
  /** The error that broke the socket; undefined without one. */
  error: unknown = undefined;
  #owner: TransportOwner | undefined = undefined;
  readonly #settings: TransportSettings;
  #wire: Wire;
  /** The wire, once another protocol has the socket. */
  #handed: HandedWire | undefined = undefined;
  /** TLS under the wire; undefined over plain text. */
  #secured: WireTls | undefined = undefined;
  /** The reader has called pauseReading(): it holds enough. */
  #readerFull = false;
  /** The server's connections together hold too much (shared-memory.ts). */
  #heldBack = false;
  /** What the TLS handshake settled; undefined without TLS. */
  tls: ConnectionTls | undefined = undefined;
  /** True once the reader receives nothing more, and the wire drops what comes. */
  #inputEnded = false;
  /** Bytes dropped since #inputEnded. */
  #dropped = 0;
  #peerEnded = false;
  #gone = false;
  /** `bytesWritten` when bytes last came; activity() compares it with now. */
  #writtenAtBytes = -1;
  /** Estimate of the bytes that the kernel held at #heldAt. */
  #held = 0;
  #heldAt = 0;
  #lingering: Handle | undefined = undefined;
  #dropping: Handle | undefined = undefined;

  /** Makes the reader and the writer. Reads nothing before `start()`. */
  constructor(wire: Wire, settings: TransportSettings) {
    this.#wire = wire;
    this.#settings = settings;
    const { limit, pauseAbove, readLimit } = settings;
    this.reader = new StreamReader({ limit, pauseAbove, readLimit });
    this.reader.setTransport(this);
    // Not `settings` itself: its onOverflow takes a connection, which overflowed() passes.
    this.writer = new StreamWriter(this, { maxBuffered: settings.maxBuffered });
    this.#readTls();
  }

  /** Sets the owner. Call it before `start`. */
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

  /** False over TLS: not every version of TLS can close one direction. */
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
    // A turn later than LINGER: a loop that was blocked first reads what has come meanwhile, above
    // all the peer's end.
    this.#lingering = callLater(linger, () => callSoon(() => this.#wire.destroy()));
    this.#wire.end();
    this.endReading();
    // The caller of close() need not wait for a slow peer: there is nothing left to do for it.
    if (linger !== LINGER) return;
    this.isLingering = true;
    this.writer.onClose();
  }

  /** Ends lingering: closes the socket now, with a reset. */
  stopLingering(): void {
    if (this.#lingering !== undefined) this.#wire.reset();
  }

  #lingerTime(): number {
    if (this.#handed !== undefined) return 0; // the protocol knows when everything has left
    const mayHaveInput = this.#wire.paused || this.reader.bufferedBytes > 0 || this.#inputEnded;
    const mayHold = this.#held > AT_ONCE && this.#held - (loopTime() - this.#heldAt) * SLOWEST > AT_ONCE;
    if (mayHold && this.#secured?.hidesEnd !== true) return LINGER;
    // Over TLS, the peer answers our close_notify with its own.
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
        return this.#secured?.info(name);
    }
  }

  /**
   * Goes on over TLS, with the same reader and writer. The bytes that the reader holds are the
   * beginning of the peer's handshake.
   * @param options of startTls, or the acceptor of a server, which all its clients share
   */
  async startTls(options: StartTlsOptions | TlsAcceptor): Promise<void> {
    if (this.#secured !== undefined) throw new InvalidStateError('Cannot start TLS: the connection speaks it already');
    if (this.#gone) throw new InvalidStateError('Cannot start TLS: the connection is gone');
    const accepted = this.#settings.accepted === true;
    const { plain, secured } = this.#wire.startTls(options, accepted, () => this.reader.takeHeld());
    this.#wire = plain; // so that an abort reaches the socket meanwhile
    try {
      this.#wire = await secured;
      this.#readTls();
      if (this.#inputEnded) this.#wire.discard(); // endReading() was called during the handshake
      this.start();
      if (this.#heldBack) this.#wire.pause();
    } catch (error) {
      plain.destroy();
      this.onClose(error as Error); // handshakes reject only with Errors
      throw error;
    }
  }

  #readTls(): void {
    this.#secured = this.#wire.tls;
    this.tls = this.#secured?.settled;
  }

  // ---- called by the connection --------------------------------------------------------------------------------

  /**
   * The net.Socket under the wire, made when it is first read. Undefined when the wire is closed
   * and never had one.
   */
  get socket(): Socket | undefined {
    return this.#wire.socket;
  }

  /**
   * Another protocol reads and writes the socket from now on. What the reader held is read again
   * from it. Returns undefined when the connection is closed already.
   * @param wrap makes the wire that watches the socket
   */
  handOver(wrap: (socket: Socket, addresses: Addresses) => HandedWire): Socket | undefined {
    const wire = this.#wire;
    if (this.#gone || wire.destroyed) {
      this.start(); // for the report of its end
      return undefined;
    }
    const held = this.reader.takeHeld();
    const { addresses } = wire;
    const socket = wire.release();
    if (held.length > 0) socket.unshift(held);
    this.#wire = this.#handed = wrap(socket, addresses);
    this.#readTls();
    this.start();
    return socket;
  }

  /** Bytes that came from the peer, whoever reads them. */
  get received(): number {
    return this.#handed?.bytesRead ?? this.bytesRead;
  }

  /** Bytes that were written, whoever writes them. */
  get sent(): number {
    return this.#handed?.bytesWritten ?? this.writer.bytesWritten;
  }

  /** Bytes that were written and that the system has not taken, whoever writes them. */
  get unsent(): number {
    return this.#handed?.unsent ?? this.writer.bufferedBytes;
  }

  /** Bytes of memory that the reader and the writer take. */
  get heldBytes(): number {
    return this.#handed?.unsent ?? this.reader.heldBytes + this.writer.heldBytes;
  }

  /**
   * With true, reads nothing, whatever the reader wants. With false, reads again unless the reader
   * is full.
   */
  holdBack(on: boolean): void {
    this.#heldBack = on;
    if (on && !this.#inputEnded) this.#wire.pause();
    else if (!this.#readerFull) this.#wire.resume();
  }

  /**
   * Bytes written that the system has not taken. Of the write in progress, it counts what libuv
   * still holds.
   */
  get untakenBytes(): number {
    // The second number moves while a large write leaves in pieces.
    if (this.#handed !== undefined) return this.#handed.unsent + (this.#handed.queued ?? 0);
    const { bufferedBytes, pendingBytes } = this.writer;
    return Math.min(bufferedBytes, pendingBytes + (this.#wire.queued ?? Infinity));
  }

  /**
   * Ends the connection at once, with an error that maitre made. Frees unread bytes now, because
   * the wire may take a while to close.
   */
  fail(error: Error): void {
    if (!this.#peerEnded && !this.#inputEnded) this.reader.drop();
    this.#wire.destroy(error);
  }

  /** Ends the reader's stream now. What the peer still sends is dropped. */
  endReading(): void {
    if (!this.#inputEnded && !this.#peerEnded && !this.#gone) this.reader.feedEof();
    this.#inputEnded = true;
    this.#wire.discard();
    this.#wire.resume();
  }

  /**
   * What the peer seems to be doing.
   *
   * - `idle`: a read waits, and nothing is held or unsent. The peer is between messages: it has
   *   sent nothing yet, or we were the last to send.
   * - `silent`: the same, but the peer was the last to send, and may owe the rest of a message.
   * - `busy`: anything else, and also inside a record whose beginning was read.
   */
  activity(): 'idle' | 'silent' | 'busy' {
    if (this.#handed !== undefined) return this.#handed.bytesRead === 0 ? 'idle' : 'silent';
    const { waiting, bufferedBytes, isInRecord } = this.reader;
    if (!waiting || bufferedBytes > 0 || isInRecord || this.writer.bufferedBytes > 0) return 'busy';
    return this.bytesRead === 0 || this.writer.bytesWritten !== this.#writtenAtBytes ? 'idle' : 'silent';
  }

  // ---- called by the wire --------------------------------------------------------------------------------------

  /** @internal */
  onData(chunk: Buffer): void {
    this.bytesRead += chunk.length;
    this.#writtenAtBytes = this.writer.bytesWritten; // before feed(): a handler may answer inside it
    this.reader.feed(chunk);
    this.#owner?.holding(chunk.length);
  }

  /** @internal */
  onDropped(count: number): void {
    this.#dropped += count;
    if (this.#lingering !== undefined && this.#dropped > DROP_FREELY) this.#dropSlowly();
  }

  /**
   * A peer that keeps sending is not ended, because a reset would cut what it has not read yet. It
   * is read slowly instead, so that it takes little time.
   */
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
