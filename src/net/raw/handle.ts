// libuv's handles as Node shows them below net.Socket: their shape, the calls that need Node's own bookkeeping, and the way
// from a handle to a net.Socket and back. Nothing here is a public interface, and nothing of it is used outside this folder
// (what the folder is for: wire.ts). Where its shape is another one, hasRawIo() (try-out.ts) says no.
import { type Server as NetServer, Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { deliverHeld, holdDeliveries, reportException } from '../../core/index.ts';
import { toBuffer } from '../../streams/index.ts';

/** What libuv calls when a request is through. */
export interface Request {
  oncomplete?: ((this: Request, status: number) => void) | undefined;
  /** Node 24 and later: the outcome of a write that was through before `oncomplete` could be set; null otherwise. */
  writeStatus?: number | null;
  /** Ours: who wrote. */
  [OWNER]?: HandleOwner | undefined;
  /** Ours: keeps the bytes alive until then. */
  bytes?: unknown;
}

/** A handle of a TCP or Unix socket, as far as it is used here. */
export interface RawHandle {
  /** Called for bytes, the end and errors of reading; what it returns is read into from then on. */
  onread: (this: RawHandle) => Uint8Array | undefined;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeUtf8String(request: Request | null, text: string): unknown;
  writeBuffer(request: Request | null, bytes: Uint8Array): unknown;
  writev(request: Request | null, chunks: readonly unknown[], allBuffers: boolean): unknown;
  shutdown(request: Request): number;
  close(done: (this: RawHandle) => void): void;
  /** Bytes that libuv holds for the system. */
  readonly writeQueueSize?: number;
  /** Absent on Unix sockets, like the four below. */
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

/** Told of what happens to a handle. */
export interface HandleOwner {
  /** What was read: a number of bytes, 0, or what is below 0: the end or an error. Gives the buffer to read into next. */
  read(count: number): Uint8Array | undefined;
  /** A write is through. */
  written(status: number): void;
  /** The handle is closed. */
  gone(): void;
}

/** The parts of Node that make requests and say how a call went. */
export interface StreamBinding {
  /** The results of the call that has just returned, or is being made, each at its place. */
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
  /** Node 24 and later. */
  readonly kLastWriteErr?: number;
  readonly ShutdownWrap: new () => Request;
  readonly WriteWrap: new () => Request;
}

export const OWNER: unique symbol = Symbol('maitre.owner');
/** libuv's number for the end of a stream, on every system. */
export const UV_EOF = -4095;

// Set by useBinding() and learnToWrite(), before anything else here is called.
let binding: StreamBinding;
let state: Int32Array;
/** Makes a request, for Nodes that want one with every write; undefined for those that give one back (24 and later). */
let WriteWrap: (new () => Request) | undefined;
/** A request that was not needed, for the next write. */
let spare: Request | undefined;

/** Takes Node's binding into use; false when it has another shape. It throws where there is none. */
export function useBinding(): boolean {
  // Deprecated in the documentation alone, for want of a public way; it throws under the permission model.
  binding = (process as unknown as { binding(name: string): StreamBinding }).binding('stream_wrap');
  state = binding.streamBaseState;
  const places = [binding.kReadBytesOrError, binding.kLastWriteWasAsync];
  return state instanceof Int32Array && places.every((place) => state[place] !== undefined);
}

/** Watches net write `text` once, to learn whether a write wants a request, and of which class. False when it is another one. */
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

// One set of functions serves all handles. libuv calls them as methods of the handle or of the request.

function onRead(this: RawHandle): Uint8Array | undefined {
  holdDeliveries();
  try {
    return this[OWNER]?.read(state[binding.kReadBytesOrError] as number); // the binding says where
  } catch (error) {
    reportException({ message: 'Cannot take what a socket has read', error });
    return undefined;
  } finally {
    deliverHeld(); // whatever happened: else nothing is ever delivered again
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

/** Sends one piece, or several as a vector. Returns 0 when the system has taken all, an error number below 0, 1 when `written` will follow. */
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
    // Node up to 22: the result is an error number.
    if (result !== 0) return result as number;
    if (state[binding.kLastWriteWasAsync] === 0) {
      spare = pending;
      return 0;
    }
  } else {
    // Node 24 and later: a number when it is over, else the request.
    if (typeof result === 'number') return result;
    pending = result as Request;
    const error = binding.kLastWriteErr === undefined ? 0 : (state[binding.kLastWriteErr] as number); // as above
    if (error !== 0) return error;
    // Through before the call returned: nobody could be told, so it was noted, as net reads it too.
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

/** Has the owner told of what is read. Undone by a net.Socket made of the handle. */
export function listenTo(handle: RawHandle): void {
  handle.onread = onRead;
}

/** Half-closes. One that fails has lost its peer: reading tells, or nothing is left to tell. */
export function shutDown(handle: RawHandle): void {
  const request = new binding.ShutdownWrap();
  request.oncomplete = ignore;
  handle.shutdown(request);
}

/** Closes; the owner's `gone` follows. */
export function closeHandle(handle: RawHandle): void {
  handle.close(onClosed);
}

/** Closes with a reset where there is one, and not while it is being shut down: then Node would never close it; the owner's `gone` follows. */
export function resetHandle(handle: RawHandle): void {
  if (handle.reset === undefined) closeHandle(handle);
  else handle.reset(onClosed);
}

/** A net.Socket over a handle. It does not begin to read by itself. */
export function makeSocket(handle: RawHandle): Socket {
  const options = { handle, allowHalfOpen: true, manualStart: true };
  return new Socket(options as object); // two of them are not in the public types
}

export function handleOf(socket: Socket | NetServer): unknown {
  return (socket as unknown as { _handle?: unknown })._handle ?? undefined; // see the header
}

/**
 * Whether the peer of a socket that nobody reads from has reset: the system no longer knows it then. (It does after the peer's
 * end.) False where that cannot be seen: on Unix sockets, which have no reset, and on other runtimes.
 */
export function hasReset(socket: Socket): boolean {
  return isUnknownTo(handleOf(socket) as RawHandle | undefined); // see the header
}

/** The same of a handle. */
export function isUnknownTo(handle: RawHandle | undefined): boolean {
  if (typeof handle?.getpeername !== 'function') return false;
  try {
    const status: unknown = handle.getpeername({});
    return typeof status === 'number' && status < 0;
  } catch {
    return false; // another runtime's, with a shape of its own
  }
}

/** The error of a failed call, as net makes it. */
export function systemError(status: number, syscall: string): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`${syscall} ${code}`), { errno: status, code, syscall });
}

/** Takes the handle of a connected socket away from it, as Node does when it sends one to another process. */
export function takeHandle(socket: Socket): RawHandle {
  const handle = handleOf(socket) as RawHandle; // it is connected
  (socket as unknown as { _handle: null })._handle = null;
  return handle;
}
