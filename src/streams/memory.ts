// Memory pairs: two ends of a stream without a socket. What one end writes, the other reads, with
// the same flow control as on a network.
//
// States of an end: open -> closed (close was called; what was written is still handed over) ->
// gone, or open -> gone (abort).
//
// - Each write is handed over in a later turn, as a network would. bufferedBytes counts it until
//   then. A reader that holds too much stops the hand-over, so drain waits.
// - An end is gone a turn after close (once everything written was handed over) or abort. The peer
//   of a closed end reads the end of the stream, and loses the connection if it writes after that.
//   The peer of an aborted end loses the connection at once.
import { callback, type Checks, checkOptions } from '../base/index.ts';
import { addSoon, ConnectionLostError } from '../core/index.ts';
import { Buffer } from './buffer.ts';
import { toBuffer } from './byte-buffer.ts';
import { type Duplex, DuplexEnd } from './duplex.ts';
import { joinChunks } from './join.ts';
import { byteLimit } from './reader-options.ts';
import { StreamReader } from './reader.ts';
import type { Transport } from './transport.ts';
import { StreamWriter } from './writer.ts';

/** Options of `memoryStreamPair` and `lockstepStreamPair`. */
export interface MemoryStreamOptions {
  /** The limit of both readers, in bytes. Defaults to 65536. */
  readonly limit?: number | undefined;
  /**
   * Receives the bytes of every write. Returns the pieces in which the peer receives them, or other
   * bytes.
   */
  readonly onHandOver?: ((bytes: Buffer) => readonly Buffer[]) | undefined;
}

/** The checks for every option of a memory pair. */
export const MEMORY: Checks<MemoryStreamOptions> = { limit: byteLimit, onHandOver: callback };

/** The transport under one end: sends in one direction, receives in the other. */
class MemoryTransport implements Transport {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
  /** The error that broke this end. */
  error: unknown = undefined;
  /** The other end. Undefined only while the pair is being made. */
  peer: MemoryTransport | undefined = undefined;
  readonly #onHandOver: MemoryStreamOptions['onHandOver'];
  /** The rest of the write in progress, or undefined. May be empty: onHandOver can drop a write. */
  #outgoing: Buffer[] | undefined = undefined;
  /** True while the reader holds enough. */
  #paused = false;
  #eofSent = false;
  #gone = false;

  constructor(options: MemoryStreamOptions, pauseAbove: number | undefined) {
    this.reader = new StreamReader({ limit: options.limit, pauseAbove });
    this.reader.setTransport(this);
    this.writer = new StreamWriter(this);
    this.#onHandOver = options.onHandOver;
  }

  pauseReading(): void {
    this.#paused = true;
  }

  resumeReading(): void {
    this.#paused = false;
    addSoon({ due: () => this.#other.#handOver() });
  }

  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean {
    const joined = joinChunks(chunks, bytes);
    // Copies, as a kernel does: the writer may reuse its memory once the write was accepted.
    const buffer = typeof joined === 'string' ? Buffer.from(joined) : Buffer.from(toBuffer(joined));
    const pieces = this.#onHandOver === undefined ? [buffer] : this.#onHandOver(buffer);
    this.#outgoing = pieces.filter((piece) => piece.length > 0);
    addSoon({ due: () => this.#handOver() });
    return false;
  }

  canWriteEof(): boolean {
    return true;
  }

  writeEof(): void {
    addSoon({ due: () => this.#sendEof() });
  }

  close(): void {
    addSoon({
      due: () => {
        this.#sendEof();
        this.#end(undefined);
      },
    });
  }

  abort(): void {
    addSoon({
      due: () => {
        this.#end(undefined);
        this.#other.#end(new ConnectionLostError('Connection lost: the other end was aborted'));
      },
    });
  }

  getExtraInfo(): undefined {
    return undefined;
  }

  get #other(): MemoryTransport {
    return this.peer as MemoryTransport; // set before any end is handed out
  }

  /**
   * Passes to the peer's reader what it accepts. Reports to the writer once everything was
   * accepted.
   */
  #handOver(): void {
    const peer = this.#other;
    const outgoing = this.#outgoing;
    if (this.#gone || outgoing === undefined) return;
    if (peer.#gone) {
      this.#end(new ConnectionLostError('Connection lost: the other end is closed'));
      return;
    }
    while (outgoing.length > 0) {
      if (peer.#paused) return; // resumeReading of the peer continues here
      peer.reader.feedData(outgoing.shift() as Buffer); // defined: length > 0
    }
    this.#outgoing = undefined; // first, because taken() may begin the next write
    this.writer.onWritten();
  }

  #sendEof(): void {
    if (this.#eofSent || this.#gone) return;
    this.#eofSent = true;
    if (!this.#other.#gone) this.#other.reader.feedEof();
  }

  /** Ends this end: its reader ends, or fails with `error`, and its writer is gone. */
  #end(error: ConnectionLostError | undefined): void {
    if (this.#gone) return;
    this.#gone = true;
    this.error = error;
    // What the peer sent before its end can still be read, even if this end then lost the
    // connection by writing.
    if (error === undefined || this.#other.#eofSent) this.reader.feedEof();
    else this.reader.setException(error);
    this.writer.onClose(error);
    addSoon({ due: () => this.#other.#handOver() }); // releases a write that was held back for this end's reader
  }
}

class MemoryEnd extends DuplexEnd {
  readonly #transport: MemoryTransport;

  constructor(transport: MemoryTransport) {
    super(transport.reader, transport.writer);
    this.#transport = transport;
  }

  override get error(): unknown {
    return this.#transport.error;
  }
}

function makePair(options: MemoryStreamOptions, pauseAbove: number | undefined): [Duplex, Duplex] {
  checkOptions('make a pair in memory', options, MEMORY);
  const a = new MemoryTransport(options, pauseAbove);
  const b = new MemoryTransport(options, pauseAbove);
  a.peer = b;
  b.peer = a;
  return [new MemoryEnd(a), new MemoryEnd(b)];
}

/**
 * Makes two connected ends in memory, for tests of protocols without sockets. trio:
 * `memory_stream_pair`.
 * @param options `limit` in bytes, `onHandOver`
 * @throws RangeError or TypeError for options that are wrong or unknown
 *
 * @example
 * ```ts
 * import { memoryStreamPair } from 'maitre/testing';
 * const [client, server] = memoryStreamPair();
 * client.writer.write('ping\n');
 * console.log(String(await server.reader.readLine()));
 * ```
 */
export function memoryStreamPair(options: MemoryStreamOptions = {}): [Duplex, Duplex] {
  return makePair(options, undefined);
}

/**
 * Makes a pair like `memoryStreamPair`, except that a write is handed over only once everything
 * before it was read. Finds code that relies on the buffers of a network. trio:
 * `lockstep_stream_pair`.
 *
 * @example
 * ```ts
 * import { createTask } from 'maitre';
 * import { lockstepStreamPair } from 'maitre/testing';
 * const [a, b] = lockstepStreamPair();
 * const line = createTask(() => b.reader.readLine());
 * a.writer.write('ping\n');
 * console.log(String(await line)); // ping
 * ```
 */
export function lockstepStreamPair(options: MemoryStreamOptions = {}): [Duplex, Duplex] {
  return makePair(options, 0);
}
