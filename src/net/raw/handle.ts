// libuv's handles as Node has them below net.Socket: their shape, the calls that need Node's own
// bookkeeping, and the way from a handle to a net.Socket and back. Nothing here is a public
// interface, and nothing outside this folder uses it (wire.ts says what the folder is for). If the
// shape differs, hasRawIo() (try-out.ts) returns false.
import { type Server as NetServer, Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { deliverHeld, holdDeliveries, reportException } from '../../core/index.ts';
import { toBuffer } from '../../streams/index.ts';

/** A request: libuv calls `oncomplete` when it has ended. */
export interface Request {
  oncomplete?: ((this: Request, status: number) => void) | undefined;
  /**
   * Node 24 and later: the outcome of a write that ended before `oncomplete` could be set; null
   * otherwise.
   */
  writeStatus?: number | null;
  /** Ours: the owner of the handle that wrote. */
  [OWNER]?: HandleOwner | undefined;
  /** Ours: keeps the bytes alive until the request has ended. */
  bytes?: unknown;
}

/** A handle of a TCP or Unix socket: the parts that are used here. */
export interface RawHandle {
  /**
   * Called for bytes, the end and errors of reading. libuv reads into the returned buffer from then
   * on.
   */
  onread: (this: RawHandle) => Uint8Array | undefined;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeUtf8String(request: Request | null, text: string): unknown;
  writeBuffer(request: Request | null, bytes: Uint8Array): unknown;
  writev(request: Request | null, chunks: readonly unknown[], allBuffers: boolean): unknown;
  shutdown(request: Request): number;
  close(done: (this: RawHandle) => void): void;
  /** Bytes that libuv holds and the system has not taken. */
  readonly writeQueueSize?: number;
  /** Undefined on Unix sockets, like the four below. */
  reset?(done: (this: RawHandle) => void): number;
  getpeername?(to: SystemAddress): number;
  getsockname?(to: SystemAddress): number;
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, delay: number): number;
  /** Ours. */
  [OWNER]?: HandleOwner | undefined;
}

export interface ListeningHandle {
  onconnection?: (status: number, client: RawHandle | undefined) => void;
}

export interface SystemAddress {
  address?: string;
  port?: number;
}

/** Receives what happens to a handle. */
export interface HandleOwner {
  /**
   * Bytes were read, or none (0). A negative count is the end or an error. Returns the buffer to
   * read into next; undefined keeps the same.
   */
  read(count: number): Uint8Array | undefined;
  /** A write has ended. */
  written(status: number): void;
  /** The handle is closed. */
  gone(): void;
}

/** The parts of Node that make requests and hold the results of calls. */
export interface StreamBinding {
  /** The results of the last or current call, each at its index. */
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
  /** Node 24 and later. */
  readonly kLastWriteErr?: number;
  readonly ShutdownWrap: new () => Request;
  readonly WriteWrap: new () => Request;
}

export const OWNER: unique symbol = Symbol('maitre.owner');
/** libuv's error number for the end of a stream, on every system. */
export const UV_EOF = -4095;

// useBinding() and learnToWrite() set these before anything else here is called.
let binding: StreamBinding;
let state: Int32Array;
/**
 * Makes a request, for versions of Node that take one with every write. Undefined for those that
 * return one (24 and later).
 */
let WriteWrap: (new () => Request) | undefined;
/** A request that the last write did not need, for the next write. */
let spare: Request | undefined;

/** Loads Node's binding. Returns false when it has another shape. Throws where there is none. */
export function useBinding(): boolean {
  // Deprecated only in the documentation, because there is no public way. It throws under the
  // permission model.
  binding = (process as unknown as { binding(name: string): StreamBinding }).binding('stream_wrap');
  state = binding.streamBaseState;
  const places = [binding.kReadBytesOrError, binding.kLastWriteWasAsync];
  return state instanceof Int32Array && places.every((place) => state[place] !== undefined);
}

/**
 * Watches net write `text` once, to learn whether a write takes a request, and of which class.
 * Returns false for an unknown class.
 */
export function learnToWrite(socket: Socket, text: string): boolean {
  const handle = handleOf(socket) as RawHandle; // it is connected
  const original = handle.writeUtf8String.bind(handle);
  let request: Request | null | undefined;
  handle.writeUtf8String = (given, data): unknown => {
    request = given;
    return original(given, data);
  };
  socket.write(text);
  delete (handle as Partial<RawHandle>).writeUtf8String; // the method of its class shows again
  if (request === undefined) return false;
  WriteWrap = request === null ? undefined : binding.WriteWrap;
  return request === null || request instanceof binding.WriteWrap;
}

// One set of functions for all handles. libuv calls them as methods of the handle or of the
// request.

function onRead(this: RawHandle): Uint8Array | undefined {
  holdDeliveries();
  try {
    return this[OWNER]?.read(state[binding.kReadBytesOrError] as number); // the binding says where
  } catch (error) {
    reportException({ message: 'Cannot take what a socket has read', error });
    return undefined;
  } finally {
    deliverHeld(); // always: otherwise nothing is ever delivered again
  }
}

function onWritten(this: Request, status: number): void {
  const owner = this[OWNER];
  this[OWNER] = undefined;
  this.bytes = undefined;
  owner?.written(status);
}

function onClosed(this: RawHandle): void {
  this[OWNER]?.gone();
}

function ignore(): void {}

/**
 * Sends one piece, or several as a vector. Returns 0 when the system has taken everything, 1 when
 * `written` will follow, or a negative error number.
 */
export function writeTo(handle: RawHandle, data: string | Uint8Array | readonly (string | Uint8Array)[]): number {
  const request = WriteWrap === undefined ? null : (spare ?? new WriteWrap());
  spare = undefined;
  if (typeof data === 'string') return settle(handle, request, handle.writeUtf8String(request, data), data);
  if (data instanceof Uint8Array) return settle(handle, request, handle.writeBuffer(request, data), data);
  const buffers = data.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : toBuffer(chunk)));
  return settle(handle, request, handle.writev(request, buffers, true), buffers);
}

function settle(handle: RawHandle, request: Request | null, result: unknown, bytes: unknown): number {
  let pending = request;
  if (pending !== null) {
    // Node up to 22: the result is an error number, and 0 for success.
    if (result !== 0) return result as number;
    if (state[binding.kLastWriteWasAsync] === 0) {
      spare = pending;
      return 0;
    }
  } else {
    // Node 24 and later: the result is a number when the write has ended, else the request.
    if (typeof result === 'number') return result;
    pending = result as Request;
    const error = binding.kLastWriteErr === undefined ? 0 : (state[binding.kLastWriteErr] as number); // as above
    if (error !== 0) return error;
    // It ended before the call returned, when `oncomplete` was not set yet, so Node noted the
    // outcome. net reads it in the same way.
    const { writeStatus } = pending;
    if (typeof writeStatus === 'number') {
      pending.writeStatus = null;
      return writeStatus < 0 ? writeStatus : 0;
    }
  }
  pending.oncomplete = onWritten;
  pending[OWNER] = handle[OWNER];
  pending.bytes = bytes;
  return 1;
}

/** Passes what is read to the owner. Making a net.Socket of the handle undoes it. */
export function listenTo(handle: RawHandle): void {
  handle.onread = onRead;
}

/**
 * Half-closes. If that fails, the peer is lost: reading reports it, or nothing is left to report.
 */
export function shutDown(handle: RawHandle): void {
  const request = new binding.ShutdownWrap();
  request.oncomplete = ignore;
  handle.shutdown(request);
}

/** Closes the handle. The owner's `gone` follows. */
export function closeHandle(handle: RawHandle): void {
  handle.close(onClosed);
}

/**
 * Closes the handle, with a reset where there is one. The owner's `gone` follows. Do not call it
 * while the handle is being shut down: Node would never close it.
 */
export function resetHandle(handle: RawHandle): void {
  if (handle.reset === undefined) closeHandle(handle);
  else handle.reset(onClosed);
}

/** Makes a net.Socket over a handle. It does not begin to read by itself. */
export function makeSocket(handle: RawHandle): Socket {
  const options = { handle, allowHalfOpen: true, manualStart: true };
  return new Socket(options as object); // two of them are not in the public types
}

export function handleOf(socket: Socket | NetServer): unknown {
  return (socket as unknown as { _handle?: unknown })._handle ?? undefined; // see the header
}

/**
 * Whether the peer of a socket that nobody reads from has reset it: the system then no longer knows
 * the peer. (It still does after the peer's end.) False where that cannot be seen: on Unix sockets,
 * which have no reset, and on other runtimes.
 */
export function hasReset(socket: Socket): boolean {
  return isUnknownTo(handleOf(socket) as RawHandle | undefined); // see the header
}

/** hasReset() for a handle. */
export function isUnknownTo(handle: RawHandle | undefined): boolean {
  if (typeof handle?.getpeername !== 'function') return false;
  try {
    const status: unknown = handle.getpeername({});
    return typeof status === 'number' && status < 0;
  } catch {
    return false; // another runtime, whose handle has another shape
  }
}

/** The error of a failed call, in the form that net makes. */
export function systemError(status: number, syscall: string): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`${syscall} ${code}`), { errno: status, code, syscall });
}

/** Takes the handle of a connected socket from it, as Node does to send one to another process. */
export function takeHandle(socket: Socket): RawHandle {
  const handle = handleOf(socket) as RawHandle; // it is connected
  (socket as unknown as { _handle: null })._handle = null;
  return handle;
}
