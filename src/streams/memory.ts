// Two ends of a stream without a socket: what one writes, the other reads, with the same flow control as over a wire.
//
// - Each write is handed over in a later turn, as a network would; bufferedBytes counts it until then. A reader that holds
//   too much stops the hand-over, so drain waits.
// - An end is gone a turn after close (everything written was handed over) or abort. The peer of a closed end reads the
//   end, and loses the connection when it writes after that. The peer of an aborted end loses it at once.
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

export interface MemoryStreamOptions {
  /** The readers' limit, bytes. Default 65536. */
  readonly limit?: number | undefined;
  /** Called with the bytes of every write; returns the pieces in which the peer gets them, or other bytes. */
  readonly onHandOver?: ((bytes: Buffer) => readonly Buffer[]) | undefined;
}

/** All options of a memory pair. */
export const MEMORY: Checks<MemoryStreamOptions> = { limit: byteLimit, onHandOver: callback };

/** One direction's sender and the other's receiver: the transport under one end. */
class MemoryTransport implements Transport {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
  /** Why this end broke. */
  error: unknown = undefined;
  /** The other end; undefined only while the pair is being made. */
  peer: MemoryTransport | undefined = undefined;
  readonly #onHandOver: MemoryStreamOptions['onHandOver'];
  /** What is left of the write under way; undefined without one. May be empty: onHandOver can swallow a write. */
  #outgoing: Buffer[] | undefined = undefined;
  /** The reader holds enough. */
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
    // A copy, as a kernel makes: the writer may use its memory again once it was taken.
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
    return this.peer as MemoryTransport; // nobody has an end before the pair is made
  }

  /** Gives the peer's reader what it takes; tells the writer once all was taken. */
  #handOver(): void {
    const peer = this.#other;
    const outgoing = this.#outgoing;
    if (this.#gone || outgoing === undefined) return;
    if (peer.#gone) {
      this.#end(new ConnectionLostError('Connection lost: the other end is closed'));
      return;
    }
    while (outgoing.length > 0) {
      if (peer.#paused) return; // its resumeReading goes on here
      peer.reader.feedData(outgoing.shift() as Buffer); // length > 0
    }
    this.#outgoing = undefined; // first: taken() may begin the next write
    this.writer.onWritten();
  }

  #sendEof(): void {
    if (this.#eofSent || this.#gone) return;
    this.#eofSent = true;
    if (!this.#other.#gone) this.#other.reader.feedEof();
  }

  #end(error: ConnectionLostError | undefined): void {
    if (this.#gone) return;
    this.#gone = true;
    this.error = error;
    // What the peer sent before its end can still be read, also by an end that then lost the connection by writing.
    if (error === undefined || this.#other.#eofSent) this.reader.feedEof();
    else this.reader.setException(error);
    this.writer.onClose(error);
    addSoon({ due: () => this.#other.#handOver() }); // a write held back for this end's reader waits for nothing now
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
 * Two connected ends in memory, for tests of protocols without sockets. trio: `memory_stream_pair`.
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
 * Like `memoryStreamPair`, but a write is handed over only when all before it was read: finds code that relies on the
 * network's buffers. trio: `lockstep_stream_pair`.
 */
export function lockstepStreamPair(options: MemoryStreamOptions = {}): [Duplex, Duplex] {
  return makePair(options, 0);
}
