import type { RefusalCode } from './refusal.ts';

/** What `server.statistics()` returns: counts since the server was made, and what it is doing now. */
export interface ServerStatistics {
  /** Clients that the system handed over, those that were refused included. */
  readonly accepted: number;
  /** Clients that were not served, by reason: the codes of `onRefused`. */
  readonly refused: Readonly<Record<RefusalCode, number>>;
  /** Connections open now. */
  readonly open: number;
  /** Clients that wait for a place among `maxConnections`. */
  readonly parked: number;
  /** Connections whose handlers wait for one of the `concurrency` places. */
  readonly inLine: number;
  /** Handlers that run. */
  readonly handling: number;
  /** TLS handshakes under way. */
  readonly handshakes: number;
  /** Bytes that came from clients. */
  readonly bytesRead: number;
  /** Bytes that handlers have written, unsent ones included. */
  readonly bytesWritten: number;
}

/** Bytes that went either way. */
export interface Bytes {
  bytesRead: number;
  bytesWritten: number;
}

export function addBytes(sum: Bytes, { bytesRead, bytesWritten }: Readonly<Bytes>): void {
  sum.bytesRead += bytesRead;
  sum.bytesWritten += bytesWritten;
}

/** The bytes of the open connections and of those that are gone. */
export function sumBytes(connections: Iterable<Readonly<Bytes>>, gone: Readonly<Bytes>): Bytes {
  const sum = { ...gone };
  for (const connection of connections) addBytes(sum, connection);
  return sum;
}
