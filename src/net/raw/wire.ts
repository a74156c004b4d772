// The fast path of sockets on Node: calls of libuv's handles, below net.Socket. Only this folder
// uses them.
//
// What it saves against a net.Socket with its events (CPU and memory in docs/performance.md):
// - accepting: the listening handle passes each client's handle, and a RawWire is one small object
//   around it, instead of a Duplex with two stream states and a dozen listeners;
// - reading: one static buffer for all sockets and one copy of what came, instead of an allocation
//   of 64 KiB, a Readable's queue and an event per read;
// - writing: one call of the handle, instead of a Writable's queue, a callback and a tick per
//   write;
// - ending: closing the descriptor sends our end, without a 'finish', a shutdown request and a
//   'close' event.
//
// States of a RawWire: PARKED (no listener, reads nothing) -(listen)-> LISTENING (reading or
// paused) -(destroy, close, reset, an error)-> CLOSING (the handle is closing; only `onClose` still
// follows) -> CLOSED (`onClose` was called). release() leaves it without a handle.
//
// None of this is a public interface, so nothing is taken for granted. `hasRawIo()` tries the whole
// path once per process over a loopback connection (try-out.ts). If any step differs (Bun, Deno, a
// Node without process.binding or with the permission model), sockets use their public events and
// methods instead. Both pass the same tests.
import type { Socket } from 'node:net';
import { addSoon, callSoon, ConnectionLostError, type Soon } from '../../core/index.ts';
import { joinChunks } from '../../streams/index.ts';
import type { Addresses } from '../address.ts';
import { startTlsOver } from '../net-wire.ts';
import type { TlsAcceptor } from '../secure.ts';
import type { StartTlsOptions } from '../tls-options.ts';
import { TurnShare } from '../turn-share.ts';
import { COPY_UP_TO, type TlsStart, type Wire, type WireListener } from '../wire.ts';
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
/**
 * Bytes: the own buffer of a socket that fills the common one. It is larger, so that the same bytes
 * need fewer system calls.
 */
const BULK_BUFFER = 131072;

/**
 * Bytes: a shorter write fits into a segment of TCP, however small the path makes segments. The
 * kernel sends it at once if nothing is on its way before it.
 */
const LESS_THAN_A_SEGMENT = 536;

/**
 * The buffer that all sockets read into. libuv reads and calls back in one step, so it is never in
 * use twice.
 */
let shared: Buffer;

/** A connected socket without a net.Socket. */
export class RawWire implements Wire, HandleOwner, BufferOwner, Soon {
  readonly addresses: Addresses;
  /** Undefined from destroy() or release() on. */
  #handle: RawHandle | undefined;
  #listener: WireListener | undefined = undefined;
  #paused = true;
  /**
   * It has used its share of this turn (turn-share.ts). It reads again in the next turn, unless it
   * is paused.
   */
  #resting = false;
  /** Made by the first read that fills its buffer. */
  #share: TurnShare | undefined = undefined;
  /**
   * TCP_NODELAY is wanted and not set yet. The kernel sends the first write of a connection at once
   * anyway, so the option is set before the second. Most connections that write once save a system
   * call.
   */
  #noDelay: boolean;
  #hasWritten = false;
  /** end() was called. */
  #halfClosed = false;
  /** True after discard(): what comes is dropped. */
  #discards = false;
  /** The peer has ended: nothing more can be read. */
  #ended = false;
  #error: Error | undefined = undefined;
  /**
   * The socket's own buffer, since a read filled the common one and while reads stay large. It is
   * passed to the reader instead of copied. libuv holds only its address, so it must be kept here
   * as long as libuv may read into it.
   */
  #own: Buffer | undefined = undefined;
  /** Whether it was read into since wasUsed() was called. */
  #ownUsed = false;
  #socket: Socket | undefined = undefined;
  #onClosed: (() => void) | undefined = undefined;
  #closed = false;

  /** @param noDelay whether TCP_NODELAY is wanted and not set yet */
  constructor(handle: RawHandle, addresses: Addresses, noDelay = false) {
    this.#noDelay = noDelay;
    this.addresses = addresses;
    this.#handle = handle;
    handle[OWNER] = this;
  }

  /**
   * Takes over a connected socket that was paused before it connected, so that it never began to
   * read.
   */
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

  /** Always undefined: TLS uses NetWire, because node:tls takes only sockets that node:net made. */
  get secured(): undefined {
    return undefined;
  }

  get tls(): undefined {
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

  /** Called in the turn after the one in which it used its share. */
  due(): void {
    this.#resting = false;
    if (!this.#paused) this.#startReading();
  }

  #startReading(): void {
    const status = this.#handle?.readStart() ?? 0;
    if (status < 0) this.destroy(systemError(status, 'read'));
  }

  /** Stops reading for this turn, so that the other sockets have theirs. */
  #rest(): void {
    if (this.#paused || this.#resting || this.#handle === undefined) return;
    this.#resting = true;
    this.#handle.readStop();
    addSoon(this);
  }

  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean {
    const handle = this.#handle;
    if (handle === undefined) return false; // `onClose` follows
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
    if (this.#socket !== undefined) this.#socket.destroy(); // net closes the handle they share, and emits it
    else if (handle !== undefined) closeHandle(handle);
  }

  reset(): void {
    // The peer has everything, or will have. And Node loses a handle that is reset while it is
    // being shut down.
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
    if (this.#listener !== undefined) listenTo(handle); // the Socket has set its own onread
    // The user of the Socket may end it too.
    this.#socket.on('error', (error) => void this.#detach(error)).on('close', this.#onFacadeClosed);
    return this.#socket;
  }

  release(): Socket {
    const handle = this.#detach(undefined);
    if (handle === undefined) {
      throw new ConnectionLostError('Cannot go on with the connection: it is lost', { cause: this.#error });
    }
    this.#setNoDelay(handle);
    handle.readStop(); // stays the owner: libuv still has the address of `#own`
    const socket = this.#socket?.off('close', this.#onFacadeClosed) ?? makeSocket(handle);
    if (this.#onClosed !== undefined) socket.once('close', this.#onClosed);
    return socket;
  }

  /** Takes the handle out, which nothing was read from. Undefined when it is closed. */
  takeHandle(): RawHandle | undefined {
    return this.#detach(undefined);
  }

  startTls(options: StartTlsOptions | TlsAcceptor, accepted: boolean, takeHeld: () => Buffer): TlsStart {
    return startTlsOver(this, options, accepted, takeHeld);
  }

  readonly #onFacadeClosed = (): void => {
    this.#detach(undefined);
    this.gone();
  };

  /**
   * Passes the handle to the caller, who closes it. Returns undefined when that was done before.
   */
  #detach(error: Error | undefined): RawHandle | undefined {
    const handle = this.#handle;
    if (handle === undefined) return undefined;
    this.#handle = undefined;
    this.#error = error;
    if (this.#own !== undefined) deleteOwner(this);
    return handle;
  }

  /** Called by the handle: bytes have come, or the end. */
  read(count: number): Uint8Array | undefined {
    const listener = this.#listener;
    if (count === 0 || listener === undefined || this.#handle === undefined) return undefined;
    if (count > 0) {
      try {
        // After a smaller read nothing is left, and libuv turns to the other sockets by itself.
        if (count >= READ_BUFFER && (this.#share ??= new TurnShare()).isOver()) this.#rest();
        if (!this.#discards) return this.#feed(listener, count);
        listener.onDropped(count);
        return undefined; // the buffer is free: libuv keeps using it
      } catch (error) {
        // Thrown into libuv, it would end the process. And the next buffer would be lost: libuv
        // goes on with the old one.
        this.destroy(error as Error); // readers and the allocator throw Errors
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
      this.#own = next; // last: until the return, libuv has the address of the other
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

  /** Called by the owner of buffers: whether its own was used since the last call. */
  wasUsed(): boolean {
    const was = this.#ownUsed;
    this.#ownUsed = false;
    return was;
  }

  /** Called by the owner of buffers: it has no buffer of its own from now on. */
  giveBack(): void {
    if (this.#handle === undefined) return; // its new owner goes on with the buffer
    this.#handle.useUserBuffer(shared);
    this.#own = undefined; // last: until then libuv has its address
  }

  /** Called by the handle: a write has ended. */
  written(status: number): void {
    if (this.#handle === undefined) return; // `onClose` reports it
    if (status >= 0) this.#listener?.onWritten();
    else this.destroy(systemError(status, 'write'));
  }

  gone(): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#closed = true;
    this.#onClosed?.();
    listener?.onClose(this.#error);
  }
}
