// The control socket: requests and responses as lines of JSON, on a Unix socket that only this user
// can reach. Served by maitre's own server, in the loop of the worker.
//
// A viewer that does not read stops only itself: it has at most OUTSTANDING requests, whose
// responses wait in their own tasks. Frames that it does not take are dropped, and counted.
import { callLater, type Handle, LimitOverrunError, moveOnAfter, TaskGroup } from '../../core/index.ts';
import { type Connection, startServer, type Server } from '../../net/index.ts';
import { jsonLines, type StreamReader, type StreamWriter, writeJsonLine } from '../../streams/index.ts';
import { Semaphore } from '../../sync/index.ts';
import type { RequestErrorCode } from '../protocol/index.ts';
import { RequestError } from './request-error.ts';
import type { Viewer } from './viewers.ts';

/** The most viewers at a time. */
const VIEWERS = 32;
/** Those beyond, who are told so. More than these wait, unheard, for one of them to go. */
const REFUSED = 32;
/** The longest request, in bytes. */
const LONGEST = 65_536;
/** The most requests of one viewer that wait for their responses. */
const OUTSTANDING = 8;
/** A viewer with more unsent bytes than this misses frames. */
const BEHIND = 1_048_576;

/**
 * After a viewer has left, or has closed its half, how long its requests may take, in milliseconds.
 * A recording of minutes, at full detail, is for nobody then.
 */
const AFTER_END = 2000;

/** Answers a request. May reject with a RequestError. */
export type Responder = (method: unknown, params: unknown, viewer: Viewer) => Promise<object>;

/** The server of the control socket, and its path. */
export interface Served {
  readonly server: Server;
  readonly path: string;
}

/**
 * Serves viewers at the first path on which no other process answers: containers that share the
 * folder can have the same process number. Undefined without paths.
 * @throws the system's error when it cannot listen
 */
export async function serveViewers(paths: readonly string[], respond: Responder): Promise<Served | undefined> {
  let viewers = 0;
  const handler = async (reader: StreamReader, writer: StreamWriter, connection: Connection): Promise<void> => {
    if (viewers >= VIEWERS) return refuse(reader, writer);
    viewers++;
    try {
      await serve(reader, writer, connection, respond);
    } finally {
      viewers--;
    }
  };
  for (const [i, path] of paths.entries()) {
    try {
      const server = await startServer(handler, {
        path,
        mode: 0o600,
        maxConnections: VIEWERS + REFUSED,
        limit: LONGEST,
        onError: () => undefined, // a viewer that broke off is no news
      });
      return { server, path };
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!isTaken || i === paths.length - 1) throw error;
    }
  }
  return undefined;
}

/** Answers the first request, so that whoever sent it reads why before the end. */
async function refuse(reader: StreamReader, writer: StreamWriter): Promise<void> {
  await moveOnAfter(AFTER_END, async () => {
    const request = await jsonLines(reader).read().catch(asRefusal);
    const error = new RequestError('NOT_AVAILABLE', `it has ${VIEWERS} viewers, the most there may be: close one`);
    writeJsonLine(writer, failure(isRequest(request) ? request.id : null, error));
    await writer.drain();
  });
}

async function serve(
  reader: StreamReader,
  writer: StreamWriter,
  connection: Connection,
  respond: Responder,
): Promise<void> {
  const viewer: Viewer = {
    from: 'socket',
    offer(make) {
      if (connection.statistics().unsent > BEHIND) return false;
      writeJsonLine(writer, make());
      return true;
    },
    atEnd: new Set(),
  };
  let late: Handle | undefined;
  try {
    await TaskGroup.run(async (group) => {
      await serveRequests(reader, writer, viewer, { group, respond });
      late = callLater(AFTER_END, () => group.cancel());
    });
  } finally {
    late?.cancel();
    for (const end of viewer.atEnd) end();
  }
}

async function serveRequests(
  reader: StreamReader,
  writer: StreamWriter,
  viewer: Viewer,
  { group, respond }: { readonly group: TaskGroup; readonly respond: Responder },
): Promise<void> {
  const places = new Semaphore(OUTSTANDING);
  const lines = jsonLines(reader);
  for (;;) {
    await places.acquire();
    const request = await lines.read().catch(asRefusal);
    if (request === undefined) return;
    group.createTask(async () => {
      const refused = request instanceof RequestError;
      writeJsonLine(writer, refused ? failure(null, request) : await reply(request, viewer, respond));
      await writer.drain();
      places.release();
    });
    if (request instanceof TooLong) return;
  }
}

/** A line that is too long: what follows it cannot be told from it. */
class TooLong extends RequestError {}

function asRefusal(error: unknown): RequestError {
  if (error instanceof SyntaxError) return new RequestError('BAD_REQUEST', error.message);
  if (error instanceof LimitOverrunError) return new TooLong('BAD_REQUEST', `a request has at most ${LONGEST} bytes`);
  throw error;
}

async function reply(request: unknown, viewer: Viewer, respond: Responder): Promise<object> {
  if (!isRequest(request))
    return failure(
      null,
      new RequestError('BAD_REQUEST', 'expected an object with the number id and the string method'),
    );
  const { id, method, params } = request;
  try {
    return { id, result: await respond(method, params, viewer) };
  } catch (error) {
    return failure(id, error);
  }
}

function isRequest(
  value: unknown,
): value is { readonly id: number; readonly method: unknown; readonly params: unknown } {
  return typeof value === 'object' && value !== null && typeof (value as { id?: unknown }).id === 'number';
}

function failure(id: number | null, error: unknown): object {
  const code: RequestErrorCode = error instanceof RequestError ? error.code : 'NOT_AVAILABLE';
  return { id, error: { code, message: error instanceof Error ? error.message : 'the request failed' } };
}
