// The fast path of sockets on Node: straight to the handle below net.Socket. This is the one file that touches `_handle`.
//
// What it saves, against 'data' events and socket.write (CPU per 1,000-byte echo, see docs/performance.md):
// - accepting: the listening handle gives us each client's handle, and one Socket is made of it, with our options;
// - reading: one static buffer for all sockets (net's `onread`), and one copy of what came, instead of an allocation of
//   64 KiB, a Readable's queue and an event per read;
// - writing: one call of the handle, instead of a Writable's queue, a callback and a tick per write.
//
// Everything else (ends, errors, closing, connecting) stays with net.Socket. None of this is a public interface, so nothing
// is taken for granted: `rawIo()` tries the whole path once per process over a loopback connection, and where any step
// shows another shape (Bun, Deno, a future Node), sockets use their public events and methods. Both pass the same tests.
import { createServer, connect, type Server as NetServer, Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { toBuffer } from '../streams/index.ts';

/** The handle below a Socket, as far as it is used here. */
export interface RawHandle {
  writeUtf8String(request: object | null, text: string): unknown;
  writeBuffer(request: object | null, bytes: Uint8Array): unknown;
  writev(request: object | null, chunks: readonly unknown[], allBuffers: boolean): unknown;
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, delay: number): number;
  close(): void;
}

interface ListeningHandle {
  onconnection: ((status: number, client: RawHandle | undefined) => void) | undefined;
}

/** What libuv calls when a write that could not be taken at once is through. */
interface WriteRequest {
  oncomplete?: (status: number) => void;
  /** Node 26: the outcome of a write that was through before `oncomplete` could be set; null otherwise. */
  writeStatus?: number | null;
  /** Below 0 until libuv has taken it on, to call it later: such a request must not be used again. */
  getAsyncId(): number;
  /** Keeps the bytes alive until then. */
  bytes?: unknown;
}

/** Told of a socket's bytes. `buffer` is used again after the call, unless keepBuffer() was called in it. */
export interface BytesListener {
  onBytes(count: number, buffer: Buffer): void;
}

/** A Socket made for the raw path: its listener gets what is read. */
export type RawSocket = Socket & { [LISTENER]?: BytesListener };

const LISTENER: unique symbol = Symbol('maitre.listener');
const READ_BUFFER = 65536;

/** The buffer all sockets read into. libuv reads and tells in one step, so it is never in use twice. */
let shared: Buffer | undefined;
/** What the callback that just ran wants its socket to read into next; undefined: as before. */
let nextBuffer: Buffer | undefined;
/** net asks for a buffer when it makes a handle, and after every callback. This tells which it is. */
let afterCallback = false;

const onread = {
  buffer: (): Buffer | undefined => {
    if (!afterCallback) return shared;
    const next = nextBuffer;
    nextBuffer = undefined;
    afterCallback = false;
    return next;
  },
  callback(this: unknown, count: number, buffer: Uint8Array): boolean {
    (this as RawSocket)[LISTENER]?.onBytes(count, buffer as Buffer); // net calls it as a method of the socket
    afterCallback = true;
    return true;
  },
};

/** Called inside onBytes: the buffer given is the listener's now, and the socket reads into a new one of its own. */
export function keepBuffer(): void {
  nextBuffer = Buffer.allocUnsafeSlow(READ_BUFFER);
}

/** Called inside onBytes: the socket reads into the buffer of all again. */
export function shareBuffer(): void {
  nextBuffer = shared;
}

/** A Socket over a handle, or an unconnected one, whose bytes go to `listen`'s listener. It does not read before resume(). */
export function makeRawSocket(handle: RawHandle | undefined): RawSocket {
  shared ??= Buffer.allocUnsafeSlow(READ_BUFFER);
  // `handle`, `pauseOnCreate` and the function form of `onread.buffer` are not in the public types.
  const options = {
    allowHalfOpen: true,
    onread,
    ...(handle === undefined ? undefined : { handle, pauseOnCreate: true }),
  };
  return new Socket(options as object);
}

export function listenToBytes(socket: RawSocket, listener: BytesListener | undefined): void {
  if (listener === undefined) delete socket[LISTENER];
  else socket[LISTENER] = listener;
}

/** The handle of an open socket. */
export function handleOf(socket: Socket): RawHandle | undefined {
  return (socket as unknown as { _handle?: RawHandle | null })._handle ?? undefined; // see the header
}

/** Has `fn` called with each accepted handle, in place of the server's 'connection' event. */
export function takeConnections(
  server: NetServer,
  fn: (status: number, client: RawHandle | undefined) => void,
): boolean {
  const handle = (server as unknown as { _handle?: ListeningHandle | null })._handle; // see the header
  if (typeof handle?.onconnection !== 'function') return false;
  handle.onconnection = fn;
  return true;
}

/** Writes through handles. */
export class RawIo {
  /** Makes a request, for Nodes that want one with every write; undefined for those that give one back (Node 26). */
  readonly #Request: (new () => WriteRequest) | undefined;
  /** A request that was not needed, for the next write. */
  #spare: WriteRequest | undefined;

  constructor(Request: (new () => WriteRequest) | undefined) {
    this.#Request = Request;
  }

  /**
   * Sends the chunks as one write. Returns 0 when the system has taken all, a negative error number, or 1 when it goes on:
   * then `done(status)` follows.
   */
  write(handle: RawHandle, chunks: readonly (string | Uint8Array)[], done: (status: number) => void): number {
    const request = this.#request();
    if (chunks.length === 1) {
      const data = chunks[0] as string | Uint8Array; // length 1
      const result =
        typeof data === 'string' ? handle.writeUtf8String(request, data) : handle.writeBuffer(request, data);
      return this.#settle(handle, request, result, data, done);
    }
    const buffers = chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : toBuffer(chunk)));
    return this.#settle(handle, request, handle.writev(request, buffers, true), buffers, done);
  }

  #request(): WriteRequest | null {
    if (this.#Request === undefined) return null;
    const request = this.#spare ?? new this.#Request();
    this.#spare = undefined;
    return request;
  }

  #settle(
    handle: RawHandle,
    request: WriteRequest | null,
    result: unknown,
    bytes: unknown,
    done: (status: number) => void,
  ): number {
    if (request !== null) {
      // Node up to 24: the result is an error number, and the request says whether libuv goes on with it. The queue does not:
      // it is empty too when the rest was taken right after the first try, and then the request is still called.
      if (result !== 0) return result as number;
      if (request.getAsyncId() < 0) {
        this.#spare = request;
        return 0;
      }
      request.bytes = bytes;
      request.oncomplete = done;
      return 1;
    }
    // Node 26: a number when it is over, else the request.
    if (typeof result === 'number') return result;
    const pending = result as WriteRequest;
    // Through before the call returned: nobody could be told, so it was noted, as net reads it too.
    const { writeStatus } = pending;
    if (typeof writeStatus === 'number') {
      pending.writeStatus = null;
      return writeStatus;
    }
    pending.bytes = bytes;
    pending.oncomplete = done;
    return 1;
  }
}

/** The error of a failed call, as net makes it. */
export function systemError(status: number, syscall: string): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`${syscall} ${code}`), { errno: status, code, syscall });
}

let tried: Promise<RawIo | undefined> | undefined;

/** The raw path, or undefined where it does not work. Tried once per process, over a loopback connection. */
export function rawIo(): Promise<RawIo | undefined> {
  return (tried ??= tryOut().catch(() => undefined)); // whatever went wrong, the public path works
}

const PROBE = 'maitre';
const PROBE_TIME = 2000;

async function tryOut(): Promise<RawIo | undefined> {
  if ('bun' in process.versions || 'deno' in process.versions) return undefined;
  if (process.env['MAITRE_RAW_IO'] === 'off') return undefined;
  const server = createServer();
  const sockets: Socket[] = [];
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<RawIo | undefined>((resolve, reject) => {
      timer = setTimeout(reject, PROBE_TIME, new Error('no answer'));
      server.on('error', reject);
      server.listen({ host: '127.0.0.1', port: 0 }, () => {
        let io: RawIo | undefined;
        const taken = takeConnections(server, (status, handle) => {
          if (status !== 0 || handle === undefined) return reject(new Error('no handle'));
          const socket = makeRawSocket(handle);
          sockets.push(socket);
          io = learnToWrite(socket);
          listenToBytes(socket, {
            // The client echoes what `learnToWrite` sent through net, then what went through the handle.
            onBytes(count, buffer) {
              const text = buffer.toString('latin1', 0, count);
              if (text === PROBE && io?.write(handle, [PROBE, Buffer.from('!')], () => undefined) === 0) return;
              resolve(text === `${PROBE}!` ? io : undefined);
            },
          });
          socket.on('error', reject);
          socket.resume();
        });
        if (!taken) return resolve(undefined);
        const { port } = server.address() as { port: number }; // it listens on TCP
        const client = connect(port, '127.0.0.1');
        sockets.push(client);
        client.on('error', reject);
        client.pipe(client);
      });
    });
  } finally {
    clearTimeout(timer);
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** Watches net write once, to learn whether writes want a request and of which class. */
function learnToWrite(socket: Socket): RawIo | undefined {
  const handle = handleOf(socket);
  if (handle === undefined || typeof handle.writev !== 'function') return undefined;
  let request: object | null | undefined;
  const original = handle.writeUtf8String.bind(handle);
  handle.writeUtf8String = (given: object | null, text: string): unknown => {
    request = given;
    return original(given, text);
  };
  socket.write(PROBE);
  delete (handle as Partial<RawHandle>).writeUtf8String; // the method of its class shows again
  if (request === undefined) return undefined;
  if (request !== null && (request as Partial<WriteRequest>).getAsyncId?.() !== -1) return undefined; // it was taken at once
  return new RawIo(request === null ? undefined : (request.constructor as new () => WriteRequest)); // net made one
}
