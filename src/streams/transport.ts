// Transports move the bytes of a reader and a writer: a socket, a pipe, the other end of a memory
// pair. The streams call the transport through this interface. The transport calls the streams
// through feedData/feedEof/setException and onWritten/onClose.
//
// Order: write() and onWritten() alternate. writeEof(), close() and startTls() come only while no
// write is in progress. abort() may come at any time. onClose() comes last, once.

import type { ConnectionLostError } from '../core/index.ts';

/** The reading side: all that a StreamReader needs. */
export interface ReadTransport {
  /**
   * Stops feedData until resumeReading, except for what is in transit already. The inverse is
   * `resumeReading`.
   */
  pauseReading(): void;
  resumeReading(): void;
}

/** The writing side: all that a StreamWriter needs. */
export interface WriteTransport {
  /**
   * Takes the bytes of one turn, in order, as one write. At most one write is in progress: the
   * writer calls again only after `true` or `onWritten()`. Returns true if the system has accepted
   * everything at once. Otherwise, `writer.onWritten()` or `onClose()` follows.
   */
  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean;
  /**
   * Half-closes: sends no more bytes, and lets the peer go on. Called once everything written was
   * accepted.
   */
  writeEof(): void;
  canWriteEof(): boolean;
  /**
   * Ends the connection. Called once everything written was accepted. `writer.onClose()` follows.
   */
  close(): void;
  /** Ends the connection at once. `writer.onClose()` follows, in a later turn or microtask. */
  abort(): void;
  /**
   * Switches to TLS. Absent where that is impossible. Called once everything written was accepted;
   * nothing is written meanwhile.
   */
  startTls?(options: object): Promise<void>;
  /** See StreamWriter.getExtraInfo. */
  getExtraInfo(name: string): unknown;
  /**
   * Called when maxBuffered has ended the connection, unless the writer has an `onOverflow`. If
   * absent, the exception handler is called instead.
   */
  overflowed?(error: ConnectionLostError): void;
}

export interface Transport extends ReadTransport, WriteTransport {}
