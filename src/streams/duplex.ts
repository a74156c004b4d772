// What every connection has, whatever it runs over, and the part of it that is the same for all.
import { Resource, type WaitOptions } from '../core/index.ts';
import type { StreamReader } from './reader.ts';
import type { StreamWriter } from './writer.ts';

export interface Duplex extends AsyncDisposable {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
  /** Why the connection broke; undefined while it lasts and after a clean end. */
  readonly error: unknown;
  /** Sends what is written, ends the connection, and waits until it is gone. */
  close(options?: WaitOptions): Promise<void>;
  /** Ends the connection at once: what is unsent is lost. */
  abort(): void;
}

/** The end of a connection: a reader and a writer over one transport. */
export abstract class DuplexEnd extends Resource implements Duplex {
  readonly reader: StreamReader;
  readonly writer: StreamWriter;

  constructor(reader: StreamReader, writer: StreamWriter) {
    super();
    this.reader = reader;
    this.writer = writer;
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

  /** Why the connection broke: the system's error; undefined while it lasts and after a clean end. */
  abstract get error(): unknown;

  /**
   * Sends what is written, ends the connection, and waits until it is gone. Never rejects but with CancelledError, and ends it
   * also then.
   */
  close(options?: WaitOptions): Promise<void> {
    this.writer.close();
    return this.writer.waitClosed(options);
  }

  /** Ends the connection at once: what is unsent is lost, the peer sees a reset. */
  abort(): void {
    this.writer.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
