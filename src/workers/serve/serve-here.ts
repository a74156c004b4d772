// Serves in this process: one task per client until the task that serves is cancelled, then an
// orderly end. It prints nothing; a listener receives what happens (serve-events.ts).
import { inspect } from 'node:util';
import { describe } from '../../base/index.ts';
import { CancelledError, Future } from '../../core/index.ts';
import {
  type Connection,
  type ConnectionOutcome,
  type Handler,
  isConnectionLost,
  type Server,
  type ServerOptions,
  startServer,
} from '../../net/index.ts';
import type { ClientEndedEvent, Inspected, ServeListener } from './serve-events.ts';
import { ServeError } from './serve-error.ts';
import { isHttpApp, type ServedApp, startHttp } from './start-http.ts';

export interface ServeSettings {
  /** Where the server listens, and its limits. */
  readonly server: ServerOptions;
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  /** The file that exports the handler, as the user typed it. */
  readonly file: string;
  /** Milliseconds that clients have to finish once the task is cancelled. */
  readonly grace: number;
  /** How to look into it; undefined without an inspector. */
  readonly inspector?: Inspected | undefined;
}

/**
 * Serves until its task is cancelled, then shuts the server down within the grace, and resolves.
 * @throws ServeError when it cannot listen; its cause is the system's error
 */
export async function serveHere(
  handler: Handler | ServedApp,
  settings: ServeSettings,
  emit: ServeListener,
): Promise<void> {
  const { file, grace, tls, inspector } = settings;
  const server = await startHere(handler, settings, emit);
  const { addresses } = server;
  const more = {
    ...(inspector === undefined ? {} : { inspector }),
    ...(isHttpApp(handler) ? { http: true as const } : {}),
  };
  emit({ event: 'ready', pid: process.pid, file, addresses, tls: tls !== undefined, ...more });
  try {
    await new Future<never>(); // until a signal cancels this task
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
    emit({ event: 'stopping', clients: server.connections.size, grace });
    emit({ event: 'stopped', report: await server.shutdown({ grace }) });
  }
}

/**
 * Serves until the server is shut down.
 * @throws ServeError when it cannot listen; its cause is the system's error
 */
export async function startHere(
  handler: Handler | ServedApp,
  settings: Pick<ServeSettings, 'server' | 'tls'>,
  emit: ServeListener,
): Promise<Server> {
  try {
    return await startUnder(handler, settings, emit);
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    throw new ServeError('listen', (error as Error).message, { cause: error }); // listening fails with Errors
  }
}

function startUnder(
  handler: Handler | ServedApp,
  settings: Pick<ServeSettings, 'server' | 'tls'>,
  emit: ServeListener,
): Promise<Server> {
  const { tls } = settings;
  const options = tls === undefined ? settings.server : { ...settings.server, tls: { cert: tls.cert, key: tls.key } };
  if (isHttpApp(handler)) return startHttp(handler, options, emit);
  // When each handler began. It has an entry from `opened` to `ended`.
  const began = new Map<Connection, number>();
  const opened = (connection: Connection): void => {
    began.set(connection, performance.now());
    emit({ event: 'client', state: 'opened', id: connection.id, peer: connection.peer });
  };
  return startServer(
    (reader, writer, connection) => {
      opened(connection);
      return handler(reader, writer, connection);
    },
    {
      ...options,
      onError: (error, { id, peer }) => {
        const text = errorText(error);
        if (text !== undefined) emit({ event: 'error', id, peer, error: text });
      },
      onEnd: (connection, outcome) => {
        if (!began.has(connection)) opened(connection); // it waited for a handler until the server ended
        const ms = performance.now() - (began.get(connection) ?? 0);
        began.delete(connection);
        emit(endedEvent(connection, outcome, ms));
      },
    },
  );
}

function endedEvent(connection: Connection, { kind, error }: ConnectionOutcome, ms: number): ClientEndedEvent {
  const { id, peer, bytesRead, bytesWritten } = connection;
  const reason = error === undefined ? {} : { reason: firstLine(error) };
  return { event: 'client', state: 'ended', id, peer, outcome: kind, ...reason, ms, bytesRead, bytesWritten };
}

function firstLine(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error).split('\n', 1)[0] ?? '';
  } catch {
    return describe(error); // a value that cannot be inspected, such as a revoked Proxy
  }
}

/**
 * Formats an error with its stack. Returns undefined for a client that left: its `ended` event says
 * so.
 */
function errorText(error: unknown): string | undefined {
  try {
    if (isConnectionLost(error)) return undefined;
    return typeof error === 'string' ? error : inspect(error);
  } catch {
    return describe(error); // a value that cannot be inspected
  }
}
