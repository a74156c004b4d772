// A query of pg whose rows come in parts, as the reader has room for them.
//
// The messages: Parse, Bind, Describe, Execute with a limit of rows, Flush. At the limit, the server
// suspends the portal and waits. Then Execute and Flush for each further part. After the last row
// comes a Sync, and the server is ready.
//
// - pg does the same when a query has `rows`, but asks for the next part at once. Here that waits
//   while the reader is full.
// - A suspended portal runs nothing on the server. To end it early, it is closed, with a Sync.
// - After an error, too, the server waits for the Sync, which pg leaves out in this mode.
// - One Sync is sent, never two: each is answered by a ReadyForQuery, which ends a query of pg.
import type * as Pg from 'pg';
import type { RowFlow, RowSink } from '../database/index.ts';

/** The part of pg in use. */
export type PgModule = Pick<typeof Pg, 'Client' | 'Query'>;

/** The handlers of a query that pg calls, and that its types lack. */
interface Portal extends Pg.Query {
  handlePortalSuspended: () => void;
  handleCommandComplete: (...args: unknown[]) => void;
  handleEmptyQuery: (...args: unknown[]) => void;
  handleError: (...args: unknown[]) => void;
}

/** Starts the query. @param failed called with an error, in place of `sink.end` */
export function streamRows(
  pg: PgModule,
  client: Pg.Client,
  {
    sql,
    params,
    rows,
  }: { readonly sql: string; readonly params: readonly unknown[] | undefined; readonly rows: number },
  sink: RowSink,
  failed: (error: unknown) => void,
): RowFlow {
  const part = Math.max(1, Math.floor(rows / 2)); // two of them fill the reader
  const config = { text: sql, values: params ?? [], rows: part };
  const query = new pg.Query(config as unknown as Pg.QueryConfig) as Portal; // its types lack `rows`
  const { connection } = client;
  let isPaused = false;
  let isStopped = false;
  let isSuspended = false;
  let isSynced = false;
  const goOn = (): void => {
    isSuspended = false;
    if (isStopped) {
      isSynced = true;
      connection.close({ type: 'P', name: '' }, false);
      connection.sync();
    } else {
      connection.execute({ portal: '', rows: part as never }, false); // a number, unlike its type
      connection.flush();
    }
  };
  const { handleCommandComplete, handleEmptyQuery, handleError } = query;
  query.handlePortalSuspended = () => {
    isSuspended = true;
    if (!isPaused || isStopped) goOn();
  };
  query.handleCommandComplete = (...args) => {
    isSynced = true; // the original sends it
    handleCommandComplete.apply(query, args);
  };
  query.handleEmptyQuery = (...args) => {
    isSynced = true;
    handleEmptyQuery.apply(query, args);
  };
  query.handleError = (...args) => {
    if (!isSynced) connection.sync();
    isSynced = true;
    handleError.apply(query, args);
  };
  query.on('row', (row: unknown) => sink.row(row));
  query.on('error', failed);
  query.on('end', () => sink.end(undefined));
  client.query(query);
  return {
    pause: () => {
      isPaused = true;
    },
    resume: () => {
      isPaused = false;
      if (isSuspended) goOn();
    },
    stop: () => {
      isStopped = true;
      if (isSuspended) goOn();
      return isSynced;
    },
  };
}
