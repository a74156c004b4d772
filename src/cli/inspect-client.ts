// The viewers' side of the control socket: finds the sockets of the processes that run, and asks
// one process. Newline-delimited JSON, one request after the other. Every wait has an end.
//
// The folder is checked as the process checks it. A socket in any other could be anybody's, who would
// learn what is asked and could answer.
import { lstatSync, readdirSync, type Stats, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { CancelledError, type Connection, openConnection, timeout, TimeoutError } from '../index.node.ts';
import type { Method, Methods, Request } from '../inspect/protocol/index.ts';
import { pidOfSocket, problemOfFolder } from '../inspect/sockets/index.ts';

/** Milliseconds to connect, and to answer `hello`, which no main thread is asked for. */
export const HELLO_TIMEOUT = 1000;
/** Milliseconds for an answer. A blocked process is looked into within tens of milliseconds. */
const ANSWER_TIMEOUT = 5000;
/** Bytes of one message. A recording of the whole ring has a few megabytes. */
const LONGEST_MESSAGE = 128 * 1024 * 1024;

/** A process refused a request, and said why. */
export class RefusedError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A process is there and silent, or has ended before its answer. */
export class NoAnswerError extends Error {
  /** Whether there can be no answer any more: the connection is gone. */
  readonly isOver: boolean;

  constructor(message: string, isOver = true) {
    super(message);
    this.isOver = isOver;
  }
}

/** A connection to the control socket of one process. */
export class InspectClient implements AsyncDisposable {
  readonly #connection: Connection;
  #id = 0;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Connects to the socket at `path`.
   * @throws the system's error; NoAnswerError when nobody accepts within a second
   */
  static async open(path: string): Promise<InspectClient> {
    try {
      return new InspectClient(await openConnection({ path, limit: LONGEST_MESSAGE, timeout: HELLO_TIMEOUT }));
    } catch (error) {
      if (error instanceof TimeoutError)
        throw new NoAnswerError(`it did not accept a connection within ${HELLO_TIMEOUT} ms`);
      throw error;
    }
  }

  /**
   * Asks and resolves with the result.
   * @param ms milliseconds for the answer
   * @throws RefusedError; NoAnswerError when no answer comes in time, or the process ends
   */
  async request<M extends Method>(
    method: M,
    params: Methods[M]['params'],
    ms: number = ANSWER_TIMEOUT,
  ): Promise<Methods[M]['result']> {
    const id = ++this.#id;
    const request: Request<M> = { id, method, params };
    try {
      return await timeout(ms, async () => {
        this.#connection.writer.write(`${JSON.stringify(request)}\n`);
        for (;;) {
          const answer = parseAnswer(await this.#connection.reader.readLine());
          if (answer?.id !== id) continue; // a frame, or the late answer to a request that was given up
          if (answer.error !== undefined) throw new RefusedError(answer.error.code, answer.error.message);
          return answer.result as Methods[M]['result']; // the protocol's promise for this method
        }
      });
    } catch (error) {
      if (error instanceof TimeoutError) throw new NoAnswerError(`it has not answered within ${ms} ms`, false);
      if (error instanceof RefusedError || error instanceof NoAnswerError || !isSystemError(error)) throw error;
      throw new NoAnswerError(`the connection broke off (${error.code})`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.writer.abort();
    await Promise.resolve();
  }
}

interface ParsedAnswer {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

/** @throws NoAnswerError at the end of the stream, and for what is no message of the protocol */
function parseAnswer(line: Uint8Array): ParsedAnswer | undefined {
  if (line.length === 0) throw new NoAnswerError('it ended before its answer');
  let message: unknown;
  try {
    message = JSON.parse(new TextDecoder().decode(line));
  } catch {
    throw new NoAnswerError('what it sends is not the protocol of maitre');
  }
  return typeof message === 'object' && message !== null ? message : undefined;
}

/** Whether the system, or the connection, has failed. A cancel has a code too, and is neither. */
function isSystemError(error: unknown): error is Error & { readonly code: string } {
  if (error instanceof CancelledError) return false;
  return error instanceof Error && typeof (error as { code?: unknown }).code === 'string';
}

/** A socket in one of the folders. */
export interface FoundSocket {
  readonly pid: number;
  readonly path: string;
}

/** The sockets that are there, and the folders that were not looked into, with the reason. */
export interface Found {
  readonly sockets: readonly FoundSocket[];
  readonly ignored: readonly string[];
}

/** Lists the sockets in these folders. */
export function findSockets(folders: readonly string[]): Found {
  const sockets: FoundSocket[] = [];
  const ignored: string[] = [];
  for (const folder of folders) {
    if (statOf(folder) === undefined) continue;
    const problem = problemOfFolder(folder);
    if (problem !== undefined) {
      ignored.push(`${folder} was ignored: it ${problem}`);
      continue;
    }
    for (const name of readdirSync(folder)) {
      const pid = pidOfSocket(name);
      if (pid !== undefined) sockets.push({ pid, path: join(folder, name) });
    }
  }
  return { sockets, ignored };
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // a folder on the way is closed to us
  }
}

/** What asking a socket for its process came to. */
export type Probe =
  | { readonly state: 'alive'; readonly socket: FoundSocket; readonly hello: Methods['hello']['result'] }
  | { readonly state: 'silent'; readonly socket: FoundSocket; readonly why: string }
  | { readonly state: 'gone' };

/** Asks a process who it is. The file of a process that has ended is removed. */
export async function probe(socket: FoundSocket): Promise<Probe> {
  const before = statOf(socket.path);
  try {
    await using client = await InspectClient.open(socket.path);
    const hello = await client.request('hello', {}, HELLO_TIMEOUT);
    return { state: 'alive', socket, hello };
  } catch (error) {
    if (isSystemError(error) && (error.code === 'ECONNREFUSED' || error.code === 'ENOENT')) {
      removeDead(socket.path, before);
      return { state: 'gone' };
    }
    if (error instanceof NoAnswerError || error instanceof RefusedError) {
      return { state: 'silent', socket, why: error.message };
    }
    if (isSystemError(error)) return { state: 'silent', socket, why: `cannot connect (${error.code})` };
    throw error;
  }
}

/** Removes the file of a socket on which nobody answers, unless it is another one by now. */
function removeDead(path: string, before: Stats | undefined): void {
  const now = statOf(path);
  // The number of a removed file may be given to the next one at once: the time tells them apart.
  if (now === undefined || !now.isSocket() || now.ino !== before?.ino || now.ctimeMs !== before.ctimeMs) return;
  try {
    unlinkSync(path);
  } catch {
    // Somebody else was faster.
  }
}
