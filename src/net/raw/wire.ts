// The fast path of sockets on Node: straight to libuv's handles, below net.Socket. This folder is the one place that touches them.
//
// What it saves, against a net.Socket with its events (CPU and memory in docs/performance.md):
// - accepting: the listening handle gives us each client's handle, and a RawWire is one small object around it, in place
//   of a Duplex with two stream states and a dozen listeners;
// - reading: one static buffer for all sockets, and one copy of what came, in place of an allocation of 64 KiB, a
//   Readable's queue and an event per read;
// - writing: one call of the handle, in place of a Writable's queue, a callback and a tick per write;
// - ending: close() of the descriptor sends our end; there is no 'finish', no shutdown request, no 'close' event.
//
// States of a RawWire: PARKED (not listened to: it reads nothing) -> LISTENING (reading or paused) -> CLOSING (destroy: the
// handle is being closed, nothing is told but the end) -> CLOSED (`closed` was told). release() leaves it without a handle.
//
// None of this is a public interface, so nothing is taken for granted: `hasRawIo()` tries the whole path once per process
// over a loopback connection (try-out.ts). Where any step shows another shape (Bun, Deno, a Node without process.binding or with the
// permission model), sockets use their public events and methods instead. Both pass the same tests.
import type { Socket } from 'node:net';
import { addSoon, callSoon, ConnectionLostError, type Soon } from '../../core/index.ts';
import { joinChunks } from '../../streams/index.ts';
import type { Addresses } from '../address.ts';
import { TurnShare } from '../turn-share.ts';
import { COPY_UP_TO, type Wire, type WireListener } from '../wire.ts';
import {
  closeHandle,
  type HandleOwner,
  isUnknownTo,
  listenTo,
  makeSocket,
  OWNER,
  type RawHandle,
  resetHandle,
  shutDown,
  systemError,
  takeHandle,
  UV_EOF,
  writeTo,
} from './handle.ts';
import { addOwner, type BufferOwner, deleteOwner } from './own-buffers.ts';

const READ_BUFFER = 65536;
/** Bytes: the buffer of a socket that fills the common one. Larger, because that is a system call less for as much. */
const BULK_BUFFER = 131072;

/** Bytes that fill no segment of TCP, however small the path makes them: sent at once when nothing is on its way before them. */
const LESS_THAN_A_SEGMENT = 536;

/** The buffer all sockets read into. libuv reads and tells in one step, so it is never in use twice. */
let shared: Buffer;

/** A connected socket without a net.Socket. */
export class RawWire implements Wire, HandleOwner, BufferOwner, Soon {
  readonly addresses: Addresses;
  /** Undefined from destroy() or release() on. */
  #handle: RawHandle | undefined;
  #listener: WireListener | undefined = undefined;
  #paused = true;
  /** It has had its share of this turn: it reads on in the next one, unless it is paused. */
  #resting = false;
  /** Made by the first read that fills its buffer. */
  #share: TurnShare | undefined = undefined;
  /**
   * The system is to send small writes at once, and was not told yet. The first write of a connection goes at once in any case, so it
   * is told before the second: most connections that write once save a system call.
   */
  #noDelay: boolean;
  #hasWritten = false;
  /** end() was called. */
  #halfClosed = false;
  /** What comes is dropped. */
  #discards = false;
  /** The peer has ended: there is nothing more to read. */
  #ended = false;
  #error: Error | undefined = undefined;
  /**
   * Since a read filled the common buffer, while they stay large: the socket's own one, which is handed over, not copied. libuv holds its address
   * alone, so it must stay here for as long as it may be read into.
   */
  #own: Buffer | undefined = undefined;
  /** It was read into since wasUsed() was called. */
  #ownUsed = false;
  #socket: Socket | undefined = undefined;
  #onClosed: (() => void) | undefined = undefined;
  #closed = false;

  /** @param noDelay whether the system has still to be told to send small writes at once */
  constructor(handle: RawHandle, addresses: Addresses, noDelay = false) {
    this.#noDelay = noDelay;
    this.addresses = addresses;
    this.#handle = handle;
    handle[OWNER] = this;
  }

  /** Takes over a socket that has connected and was paused before, so that it never began to read. */
  static from(socket: Socket, addresses: Addresses): RawWire {
    return new RawWire(takeHandle(socket), addresses);
  }

  get destroyed(): boolean {
    return this.#handle === undefined;
  }

  get hasReset(): boolean {
    return isUnknownTo(this.#handle);
  }

  get paused(): boolean {
    return this.#paused || this.#resting;
  }

  /** Never: node:tls wants sockets as net makes them. */
  get secured(): undefined {
    return undefined;
  }

  whenClosed(fn: () => void): void {
    const before = this.#onClosed;
    this.#onClosed = before === undefined ? fn : () => (before(), fn());
  }

  listen(listener: WireListener): void {
    this.#listener = listener;
    const handle = this.#handle;
    if (handle === undefined) {
      if (this.#closed) callSoon(() => listener.onClose(this.#error));
      return;
    }
    listenTo(handle);
    handle.useUserBuffer((shared ??= Buffer.allocUnsafeSlow(READ_BUFFER)));
    this.resume();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    if (!this.#resting) this.#handle?.readStop();
  }

  resume(): void {
    if (!this.#paused || this.#ended) return;
    this.#paused = false;
    if (!this.#resting) this.#startReading();
  }

  discard(): void {
    this.#discards = true;
  }

  /** The turn after the one in which it had read enough. @internal */
  due(): void {
    this.#resting = false;
    if (!this.#paused) this.#startReading();
  }

  #startReading(): void {
    const status = this.#handle?.readStart() ?? 0;
    if (status < 0) this.destroy(systemError(status, 'read'));
  }

  /** Lets the other sockets have their turn. */
  #rest(): void {
    if (this.#paused || this.#resting || this.#handle === undefined) return;
    this.#resting = true;
    this.#handle.readStop();
    addSoon(this);
  }

  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean {
    const handle = this.#handle;
    if (handle === undefined) return false; // `closed` is on its way
    if (this.#noDelay && (this.#hasWritten || bytes >= LESS_THAN_A_SEGMENT)) this.#setNoDelay(handle);
    this.#hasWritten = true;
    const data = chunks.length === 1 || bytes <= COPY_UP_TO ? joinChunks(chunks, bytes) : chunks;
    const status = writeTo(handle, data);
    if (status < 0) this.destroy(systemError(status, 'write'));
    return status === 0;
  }

  #setNoDelay(handle: RawHandle): void {
    if (this.#noDelay) handle.setNoDelay?.(true);
    this.#noDelay = false;
  }

  end(): void {
    this.#halfClosed = true;
    if (this.#handle !== undefined) shutDown(this.#handle);
  }

  close(): void {
    this.destroy();
  }

  destroy(error?: Error): void {
    const handle = this.#detach(error);
    if (this.#socket !== undefined) this.#socket.destroy(); // net closes the handle they share, and says so
    else if (handle !== undefined) closeHandle(handle);
  }

  reset(): void {
    // The peer has got everything, or will. And Node loses a handle that is reset while it is being shut down.
    if (this.#halfClosed) this.destroy();
    const handle = this.#detach(undefined);
    if (handle === undefined) return;
    if (this.#socket === undefined) resetHandle(handle);
    else if (handle.reset === undefined) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  get queued(): number | undefined {
    return this.#handle?.writeQueueSize;
  }

  get socket(): Socket | undefined {
    const handle = this.#handle;
    if (handle === undefined || this.#socket !== undefined) return this.#socket;
    this.#setNoDelay(handle);
    this.#socket = makeSocket(handle);
    if (this.#listener !== undefined) listenTo(handle); // the Socket made itself the one who reads
    // Its user may end it, too.
    this.#socket.on('error', (error) => void this.#detach(error)).on('close', this.#onFacadeClosed);
    return this.#socket;
  }

  release(): Socket {
    const handle = this.#detach(undefined);
    if (handle === undefined) {
      throw new ConnectionLostError('Cannot go on with the connection: it is lost', { cause: this.#error });
    }
    this.#setNoDelay(handle);
    handle.readStop(); // and it stays the owner: libuv still has the address of `#own`
    const socket = this.#socket?.off('close', this.#onFacadeClosed) ?? makeSocket(handle);
    if (this.#onClosed !== undefined) socket.once('close', this.#onClosed);
    return socket;
  }

  readonly #onFacadeClosed = (): void => {
    this.#detach(undefined);
    this.gone();
  };

  /** Leaves the handle to whoever ends it; undefined when that was done before. */
  #detach(error: Error | undefined): RawHandle | undefined {
    const handle = this.#handle;
    if (handle === undefined) return undefined;
    this.#handle = undefined;
    this.#error = error;
    if (this.#own !== undefined) deleteOwner(this);
    return handle;
  }

  /** @internal */
  read(count: number): Uint8Array | undefined {
    const listener = this.#listener;
    if (count === 0 || listener === undefined || this.#handle === undefined) return undefined;
    if (count > 0) {
      try {
        // After a read that left nothing libuv turns to the others by itself.
        if (count >= READ_BUFFER && (this.#share ??= new TurnShare()).isOver()) this.#rest();
        if (!this.#discards) return this.#feed(listener, count);
        listener.onDropped(count);
        return undefined; // the buffer is free: it goes on with the same one
      } catch (error) {
        // Thrown on into libuv, it would end the process. And the next buffer would be lost: libuv goes on with the old one.
        this.destroy(error as Error); // a reader's and the allocator's
        return undefined;
      }
    }
    if (count !== UV_EOF) this.destroy(systemError(count, 'read'));
    else if (!this.#ended) {
      this.#ended = true;
      this.#paused = true; // libuv has stopped reading
      listener.onEnd();
    }
    return undefined;
  }

  #feed(listener: WireListener, count: number): Uint8Array | undefined {
    const own = this.#own;
    if (own !== undefined && count * 4 > BULK_BUFFER) {
      const next = Buffer.allocUnsafeSlow(BULK_BUFFER);
      this.#ownUsed = true;
      listener.onData(count === BULK_BUFFER ? own : own.subarray(0, count));
      this.#own = next; // last: until libuv is told of it, it has the address of the other
      return next;
    }
    const chunk = Buffer.allocUnsafe(count);
    (own ?? shared).copy(chunk, 0, 0, count);
    listener.onData(chunk);
    const isFull = own === undefined && count === READ_BUFFER;
    if (own === undefined && !isFull) return undefined;
    this.#own = isFull ? Buffer.allocUnsafeSlow(BULK_BUFFER) : undefined;
    this.#ownUsed = true;
    if (isFull) addOwner(this);
    else deleteOwner(this);
    return this.#own ?? shared;
  }

  /** @internal */
  wasUsed(): boolean {
    const was = this.#ownUsed;
    this.#ownUsed = false;
    return was;
  }

  /** @internal */
  giveBack(): void {
    if (this.#handle === undefined) return; // whoever has it now goes on with the buffer
    this.#handle.useUserBuffer(shared);
    this.#own = undefined; // last: until then libuv has its address
  }

  /** @internal */
  written(status: number): void {
    if (this.#handle === undefined) return; // `closed` tells
    if (status >= 0) this.#listener?.onWritten();
    else this.destroy(systemError(status, 'write'));
  }

  /** @internal */
  gone(): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#closed = true;
    this.#onClosed?.();
    listener?.onClose(this.#error);
  }
}
