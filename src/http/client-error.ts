// Answers a client whose bytes are no request, or who took too long with it.
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from 'node:http';

const STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/**
 * Answers, unless an answer may be under way already, and closes the connection.
 * @param mayAnswer whether no request of this connection is under way
 */
export function answerClientError(error: Error, socket: Duplex, mayAnswer: boolean): void {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ECONNRESET' || !socket.writable || !mayAnswer) {
    socket.destroy();
    return;
  }
  const status = STATUS[code ?? ''] ?? 400;
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  socket.once('finish', () => socket.destroy());
}
