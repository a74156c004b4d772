// Two wires that are connected in memory, with what a kernel does between them: bounded buffers,
// half-closes, resets.
//
// What one side writes goes into the other's inbox, as much as fits. The rest waits in the writer's
// outbox, and `onWritten` follows when all of it was moved. The inbox is passed to the listener in
// a later turn, while it reads. Everything that crosses does so in a turn of its own, so that no
// side is called from inside a call of its own.
//
// States of a side: OPEN -> CLOSING (it has ended; only `onClose` follows) -> CLOSED (`onClose` was
// called). As in a kernel:
// - an end is read after everything that was sent before it;
// - a side that closes with unread input resets the other side, also when more of that input waits
//   in the other's outbox;
// - a side that was reset reads what had come, then the error. It writes nothing any more.
//
// Example: A writes 100 KiB and B does not read. B's inbox takes 64 KiB; 36 KiB stay in A's outbox,
// and write() returns false. B reads 20 KiB: 20 KiB move over. Once the outbox is empty, A's
// `onWritten` is called in the next turn.
import { Deque } from '../base/index.ts';
import { addSoon, callSoon, InvalidStateError } from '../core/index.ts';
import type { Addresses, Wire, WireListener } from '../net/index.web.ts';
import { copyChunks } from '../streams/index.ts';

/** Bytes that may wait unread for one side, as in the buffers of a socket. */
const CAPACITY = 65536;

/** One side of the pair that `memoryWirePair` makes. */
export class MemoryWire implements Wire {
  readonly addresses: Addresses;
  readonly socket: undefined = undefined;
  readonly secured: undefined = undefined;
  readonly tls: undefined = undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';
  /** The other side. Undefined only while the pair is being made. */
  #other: MemoryWire | undefined = undefined;
  #listener: WireListener | undefined = undefined;
  #paused = true;
  /** True after discard(): what comes is dropped. */
  #discards = false;
  /** Chunks that came and were not passed to the listener, and their bytes. */
  readonly #inbox = new Deque<Buffer>();
  #inboxBytes = 0;
  /** What does not fit into the other side's inbox yet. Undefined when all was moved. */
  #outbox: Buffer | undefined = undefined;
  /**
   * How the other side ended: with an end to be read, or with a reset. Undefined while it is open.
   */
  #otherEnded: 'end' | Error | undefined = undefined;
  /** True once the listener's onEnd was called. */
  #toldEnd = false;
  #error: Error | undefined = undefined;
  #onClosed: (() => void) | undefined = undefined;
  /** #handOver is due in the next turn. */
  #scheduled = false;

  constructor(addresses: Addresses) {
    this.addresses = addresses;
  }

  /** Connects two sides. @internal */
  static join(a: MemoryWire, b: MemoryWire): void {
    a.#other = b;
    b.#other = a;
  }

  get destroyed(): boolean {
    return this.#state !== 'open';
  }

  get hasReset(): boolean {
    return this.#otherEnded instanceof Error;
  }

  /** Always undefined: it is not known how much is on its way. */
  get queued(): undefined {
    return undefined;
  }

  get paused(): boolean {
    return this.#paused;
  }

  whenClosed(fn: () => void): void {
    const before = this.#onClosed;
    this.#onClosed = before === undefined ? fn : () => (before(), fn());
  }

  listen(listener: WireListener): void {
    this.#listener = listener;
    if (this.#state === 'closed') callSoon(() => listener.onClose(this.#error));
    else this.resume();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (this.#toldEnd || this.destroyed) return;
    this.#paused = false;
    this.#schedule();
  }

  discard(): void {
    this.#discards = true;
  }

  write(chunks: readonly (string | Uint8Array)[], bytes: number): boolean {
    if (this.destroyed) return false; // `onClose` follows
    const refused = this.#refusal();
    if (refused !== undefined) {
      this.destroy(refused);
      return false;
    }
    // A copy, as in a kernel: the writer may reuse its memory once the write was taken.
    this.#outbox = copyChunks(chunks, bytes);
    this.#pass();
    return this.#outbox === undefined;
  }

  end(): void {
    this.#peer.#hear('end');
  }

  close(): void {
    this.destroy();
  }

  destroy(error?: Error): void {
    if (this.destroyed) return;
    const other = this.#peer;
    // Unread input: a kernel answers with a reset.
    const unread = this.#inboxBytes > 0;
    this.#end(error);
    other.#hear(unread ? lost('read', 'ECONNRESET') : 'end');
  }

  reset(): void {
    if (this.destroyed) return;
    this.#end(undefined);
    this.#peer.#hear(lost('read', 'ECONNRESET'));
  }

  release(): never {
    throw new InvalidStateError('Cannot go on over TLS: the connection is in memory, expected one over a socket');
  }

  startTls(): never {
    return this.release();
  }

  get #peer(): MemoryWire {
    return this.#other as MemoryWire; // set before a side leaves memoryWirePair()
  }

  /** Returns why nothing can be sent any more; undefined while something can. */
  #refusal(): Error | undefined {
    if (this.#otherEnded instanceof Error) return this.#otherEnded;
    return this.#peer.destroyed ? lost('write', 'EPIPE') : undefined;
  }

  /** Moves what fits of the outbox into the other side's inbox. */
  #pass(): void {
    const other = this.#peer;
    const outbox = this.#outbox;
    const room = CAPACITY - other.#inboxBytes;
    if (outbox === undefined || room <= 0) return;
    const part = outbox.subarray(0, room);
    other.#inbox.pushBack(part);
    other.#inboxBytes += part.length;
    this.#outbox = part.length < outbox.length ? outbox.subarray(room) : undefined;
    other.#schedule();
  }

  /** Records that the other side has ended. */
  #hear(how: 'end' | Error): void {
    if (this.#otherEnded instanceof Error || this.destroyed) return;
    this.#otherEnded = how;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.destroyed) return;
    this.#scheduled = true;
    addSoon({
      due: () => {
        this.#scheduled = false;
        this.#handOver();
      },
    });
  }

  /**
   * Passes the inbox to the listener, as long as it reads. Then reports the end or the reset of the
   * other side.
   */
  #handOver(): void {
    // A side that waits for room learns at once that none will come.
    if (this.#outbox !== undefined && this.#otherEnded !== undefined && this.#peer.destroyed) {
      this.destroy(this.#refusal());
    }
    const listener = this.#listener;
    if (listener === undefined) return;
    for (let chunk = this.#next(); chunk !== undefined; chunk = this.#next()) {
      try {
        if (this.#discards) listener.onDropped(chunk.length);
        else listener.onData(chunk);
      } catch (error) {
        this.destroy(error as Error); // feedEof() by the reader's user: end this connection, not the process
      }
    }
    if (this.#paused || this.destroyed || this.#otherEnded === undefined) return;
    if (this.#otherEnded instanceof Error) this.destroy(this.#otherEnded);
    else if (!this.#toldEnd) {
      this.#toldEnd = true;
      this.#paused = true;
      listener.onEnd();
    }
  }

  /**
   * Returns the next chunk, while the listener reads. Its room is free for the other side at once.
   */
  #next(): Buffer | undefined {
    if (this.#paused || this.destroyed) return undefined;
    const chunk = this.#inbox.popFront();
    if (chunk === undefined) return undefined;
    this.#inboxBytes -= chunk.length;
    const other = this.#peer;
    const waited = other.#outbox !== undefined;
    other.#pass();
    if (waited && other.#outbox === undefined) addSoon({ due: () => other.#tellTaken() });
    return chunk;
  }

  #tellTaken(): void {
    if (!this.destroyed) this.#listener?.onWritten();
  }

  #end(error: Error | undefined): void {
    this.#state = 'closing';
    this.#error = error;
    this.#outbox = undefined;
    this.#inbox.clear();
    this.#inboxBytes = 0;
    addSoon({
      due: () => {
        this.#state = 'closed';
        this.#onClosed?.();
        this.#listener?.onClose(this.#error);
      },
    });
  }
}

/** Makes two connected wires. `client` and `server` are their addresses. */
export function memoryWirePair(client: Addresses['peer'], server: Addresses['peer']): [MemoryWire, MemoryWire] {
  const a = new MemoryWire({ local: client, peer: server });
  const b = new MemoryWire({ local: server, peer: client });
  MemoryWire.join(a, b);
  return [a, b];
}

/** Makes an error in the form of the system. */
function lost(syscall: string, code: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, syscall });
}
