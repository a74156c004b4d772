// Meets a client behind a balancer: reads the PROXY header, then does the TLS handshake, then calls
// the handler. Until then the connection belongs to the server and its task runs, but it is not
// served. What fails here refuses the client, as a failed accept or handshake does.
import { CancelledError, TimeoutError, waitFor } from '../core/index.ts';
import type { Admission } from './admission.ts';
import { isConnectionLost } from './connection-lost.ts';
import type { Connection } from './connection.ts';
import { readProxyHeader } from './proxy-protocol.ts';
import { type Refusal, refusalOf } from './refusal.ts';
import type { RefusalReports } from './refusal-reports.ts';
import { HANDSHAKE_TIMEOUT, type TlsAcceptor } from './secure.ts';

/** What meet() needs of a gate. */
export interface Terms {
  readonly admission: Admission;
  readonly reports: RefusalReports;
  /** Undefined without TLS. */
  readonly tls: TlsAcceptor | undefined;
  /** Milliseconds that the header may take. Undefined: HANDSHAKE_TIMEOUT. */
  readonly handshakeTimeout: number | undefined;
}

/**
 * Reads the PROXY header, sets the connection's addresses, and does the TLS handshake.
 * @returns true when the client may be served. False when it was refused, or when a balancer only
 * checked whether the server is up
 * @throws CancelledError
 */
export async function meet(connection: Connection, terms: Terms): Promise<boolean> {
  const { admission, tls, handshakeTimeout = HANDSHAKE_TIMEOUT, reports } = terms;
  const { reader, writer } = connection;
  try {
    const addresses = await waitFor(() => readProxyHeader(reader), handshakeTimeout);
    if (addresses !== undefined) {
      connection.setAddresses(addresses);
      const refusal = admission.open ? undefined : admission.refuseNamed(addresses.peer, connection);
      if (refusal !== undefined) return refuse(connection, refusal, reports);
    }
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    if (error instanceof TimeoutError) {
      const message = `no PROXY protocol header came within ${handshakeTimeout} ms`;
      return refuse(connection, { code: 'proxyProtocol', message, error, peer: connection.peer }, reports);
    }
    // A client that left without a byte, by an end or a reset, only checked whether the server is
    // up, or saw it end.
    if (connection.bytesRead === 0 && !isOverLimit(connection)) return false;
    return refuse(connection, refusalOf('proxyProtocol', error, connection.peer), reports);
  }
  if (tls === undefined) return true;
  try {
    await writer.startTls(tls);
    return true;
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    return refuse(connection, refusalOf('handshake', error, connection.peer), reports);
  }
}

/** Ends the connection at once, because this client must not be served. */
function refuse(connection: Connection, refusal: Refusal, reports: RefusalReports): false {
  connection.abort();
  reports.refuse(refusal);
  return false;
}

/**
 * Runs the handler of a client that meet() accepted. Some balancers check with a header and nothing
 * after it, and end with a reset. The loss of such a peer is not an error.
 */
export async function serveMet(connection: Connection, handler: () => unknown): Promise<unknown> {
  const before = connection.bytesRead - connection.reader.bufferedBytes;
  try {
    return await handler();
  } catch (error) {
    if (isConnectionLost(error) && connection.bytesRead === before && !isOverLimit(connection)) return undefined;
    throw error;
  }
}

/** Whether a limit of the server ended the connection, and not the peer. */
function isOverLimit(connection: Connection): boolean {
  return connection.error instanceof TimeoutError;
}
