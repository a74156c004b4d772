import type { RefusalCode } from './refusal.ts';

/** What `server.statistics()` returns: counts since the server was made, and its present state. */
export interface ServerStatistics {
  /** Clients that the system accepted, including those that were refused. */
  readonly accepted: number;
  /** Clients that were not served, by reason: the codes of `onRefused`. */
  readonly refused: Readonly<Record<RefusalCode, number>>;
  /** Connections that are open. */
  readonly open: number;
  /** Clients that wait for a place among `maxConnections`. */
  readonly parked: number;
  /** Connections whose handlers wait for one of the `concurrency` places. */
  readonly inLine: number;
  /** Handlers that are running. */
  readonly handling: number;
  /** TLS handshakes in progress. */
  readonly handshakes: number;
  /** Bytes that came from clients. */
  readonly bytesRead: number;
  /** Bytes that handlers wrote, including unsent ones. */
  readonly bytesWritten: number;
}

/** Bytes in each direction. */
export interface Bytes {
  bytesRead: number;
  bytesWritten: number;
}

export function addBytes(sum: Bytes, { bytesRead, bytesWritten }: Readonly<Bytes>): void {
  sum.bytesRead += bytesRead;
  sum.bytesWritten += bytesWritten;
}
