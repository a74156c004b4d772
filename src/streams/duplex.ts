// Duplex: what every connection has, whatever carries it, and the implementation that all share.
import { Resource, type WaitOptions } from '../core/index.ts';
import type { StreamReader } from './reader.ts';
import type { StreamWriter } from './writer.ts';

/**
 * A connection: a reader, a writer and its end. TCP and TLS connections, memory pairs and others
 * implement it. `await using` closes it.
 *
 * @example
 * ```ts
 * import { type Duplex } from 'maitre';
 * import { memoryStreamPair } from 'maitre/testing';
 * async function greet({ reader, writer }: Duplex): Promise<void> {
 *   writer.write('hello\n');
 *   console.log(String(await reader.readLine()));
 * }
 * const [a, b] = memoryStreamPair();
 * b.writer.write('good day\n');
 * await greet(a); // good day
 * await a.close();
 * await b.close();
 * ```
 */
export interface Duplex extends AsyncDisposable {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
  /** The error that broke the connection. Undefined while it lasts and after a clean end. */
  readonly error: unknown;
  /**
   * Sends what was written, ends the connection, and waits until it is gone. Cancellable; the
   * connection ends even then.
   */
  close(options?: WaitOptions): Promise<void>;
  /** Ends the connection at once. Unsent data is lost. */
  abort(): void;
}

/** One end of a connection: a reader and a writer over one transport. */
export abstract class DuplexEnd extends Resource implements Duplex {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;

  constructor(reader: StreamReader, writer: StreamWriter) {
    super();
    this.reader = reader;
    this.writer = writer;
    reader.partOf = this;
    writer.partOf = this;
  }

  get kind(): string {
    return 'connection';
  }

  statistics(): object {
    return {
      buffered: this.reader.bufferedBytes,
      unsent: this.writer.bufferedBytes,
      written: this.writer.bytesWritten,
    };
  }

  /**
   * The error of the system that broke the connection. Undefined while it lasts and after a clean
   * end.
   */
  abstract get error(): unknown;

  /**
   * Sends what was written, ends the connection, and waits until it is gone. Rejects only with
   * CancelledError, and ends the connection even then.
   */
  close(options?: WaitOptions): Promise<void> {
    this.writer.close();
    return this.writer.waitClosed(options);
  }

  /** Ends the connection at once. Unsent data is lost, and the peer sees a reset. */
  abort(): void {
    this.writer.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
