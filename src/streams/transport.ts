// What moves the bytes of a reader and a writer: a socket, a pipe, the other end of a memory pair. The streams tell it
// what to do through this interface; it tells them through feedData/feedEof/setException and onWritten/onClose.

import type { ConnectionLostError } from '../core/index.ts';

/** The reading side: all that a StreamReader needs. */
export interface ReadTransport {
  /** No more feedData until resumeReading, apart from what is on its way already. */
  pauseReading(): void;
  resumeReading(): void;
}

/** The writing side: all that a StreamWriter needs. */
export interface WriteTransport {
  /**
   * Takes the bytes of one turn, in order, as one write. At most one write is under way: the writer calls again only after
   * `true` or `onWritten()`. Returns true when the system has taken all at once; else `writer.onWritten()` or `onClose()` follows.
   */
  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean;
  /** Half-closes: no more bytes from here, the peer may go on. Comes after everything written was taken. */
  writeEof(): void;
  canWriteEof(): boolean;
  /** Ends the connection. Comes after everything written was taken. `writer.onClose()` follows. */
  close(): void;
  /** Ends the connection at once. `writer.onClose()` follows, in a later turn or microtask. */
  abort(): void;
  /** Goes on over TLS, where that can be done. Comes after everything written was taken; nothing is written meanwhile. */
  startTls?(options: object): Promise<void>;
  /** See StreamWriter.getExtraInfo. */
  getExtraInfo(name: string): unknown;
  /** Told when maxBuffered has ended the connection, unless the writer's `onOverflow` is. Absent: the exception handler is. */
  overflowed?(error: ConnectionLostError): void;
}

export interface Transport extends ReadTransport, WriteTransport {}
