// The ring: the last events of a loop, in memory that a worker can read while the loop is blocked.
//
// Layout, in 32-bit words of the machine's own byte order. A head of HEAD words:
//
//   0 MAGIC   1 VERSION   2 capacity in events   3 head   4 1 once the ring has been full
//
// Then `capacity` events of 8 words: time (a double, milliseconds on the loop's clock), then
// `kind | flags << 8 | wait kind << 16 | resource kind << 24`, task, wait, resource, a, b. What they
// mean is said with EventKind.
//
// Invariants:
// - There is one writer. `head` counts the events that were ever written, modulo 2^32. The event
//   with number n is in slot n % capacity, and the capacity is a power of two, so the count may wrap.
// - `head` is published last, with a sequentially consistent store. A reader that sees it sees the
//   events before it.
// - The writer never waits for readers. A reader copies, then reads `head` again: the events that
//   the writer has come round to meanwhile, and the one that it may be writing, are dropped from the
//   copy and counted as lost.
//
// Example: capacity 4, head 9. Slots hold the events 8, 5, 6, 7. A reader begins to copy 5 to 8. The
// writer writes event 9 over 5 and publishes 10, then begins with event 10 over 6. The reader sees
// head 10, and keeps 7 and 8: 5 is gone, and 6 may be half overwritten.

const MAGIC = 0x52_6d_61_69;
const VERSION = 1;
const HEAD = 16;
const HEAD_AT = 3;
const FULL_AT = 4;
/** Words of an event, and its doubles. */
const WORDS = 8;
const DOUBLES = WORDS / 2;

/** The size of a ring, in bytes, if nothing else is said. */
export const DEFAULT_RING_BYTES: number = 8 * 2 ** 20;

/**
 * The kinds of events. Where a field is not named it is 0, and 0 means "none". Lengths of time are
 * whole microseconds, at most UNKNOWN - 1; UNKNOWN says that it is not known.
 */
export const EVENT = {
  /** A turn of the loop has begun: its first event. */
  turnBegan: 1,
  /** The callbacks of the turn have run. */
  turnEnded: 2,
  /** `wait`: the task that created it; `a`: the task whose group has it. */
  taskStarted: 3,
  /** `flags`: 0 returned, 1 threw, 2 was cancelled. */
  taskEnded: 4,
  /** `a`: the place + 1; `b`: the task that holds the resource. */
  waitBegun: 5,
  /**
   * It was delivered. `flags`: 0 answered, 1 failed, 2 cancelled. `a`: how long ago it was decided;
   * `b`: how long ago it began, in milliseconds.
   */
  waitEnded: 6,
  /** `time`: when the step began; `flags`: 1 if its end was measured; `a`: how long it took. */
  step: 7,
  /** `a`: the id of its parent; `b`: the kind of the parent. */
  opened: 8,
  closed: 9,
  /** `a`: the worker. */
  jobStarted: 10,
  /** Of a connection: `a` and `b`: its bytes in and out so far, modulo 2^32. */
  bytes: 11,
} as const;

/** One of EVENT. */
export type EventKind = (typeof EVENT)[keyof typeof EVENT];

/** A length of time that is not known. */
export const UNKNOWN = 0xff_ff_ff_ff;
/** Set in the flags of every event that was written at full detail. */
const DETAIL = 0x80;

/** An event of a copy. The same object is used for all of them: copy what you keep. */
export interface RingEvent {
  kind: number;
  flags: number;
  /** True if it was written at full detail. */
  detail: boolean;
  time: number;
  waitKind: number;
  resourceKind: number;
  task: number;
  wait: number;
  resource: number;
  a: number;
  b: number;
}

/** The writer of a ring. `time` and the fields are set by the caller, then `write` publishes. */
export class RingWriter {
  /** Shared where the runtime shares memory; readers make a copy with `copyRing`. */
  readonly buffer: SharedArrayBuffer | ArrayBuffer;
  /** How many events it holds. */
  readonly capacity: number;
  /** Set while full detail is recorded. */
  detail = false;
  readonly #head: Int32Array;
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  /** Events ever written, modulo 2^32. */
  #count = 0;

  /** @param bytes rounded down to a power of two of events, at least 64 of them */
  constructor(bytes: number) {
    this.capacity = 2 ** Math.max(6, Math.floor(Math.log2(bytes / (WORDS * 4))));
    const length = HEAD * 4 + this.capacity * WORDS * 4;
    this.buffer = typeof SharedArrayBuffer === 'undefined' ? new ArrayBuffer(length) : new SharedArrayBuffer(length);
    this.#head = new Int32Array(this.buffer, 0, HEAD);
    this.#words = new Uint32Array(this.buffer, HEAD * 4);
    this.#doubles = new Float64Array(this.buffer, HEAD * 4);
    this.#head.set([MAGIC, VERSION, this.capacity]);
  }

  /** Events ever written, modulo 2^32. */
  get count(): number {
    return this.#count;
  }

  /** Writes an event. The fields are those of RingEvent. */
  write(
    kind: EventKind,
    time: number,
    flags: number,
    waitKind: number,
    resourceKind: number,
    task: number,
    wait: number,
    resource: number,
    a: number,
    b: number,
  ): void {
    const slot = this.#count & (this.capacity - 1);
    const at = slot * WORDS;
    const words = this.#words;
    this.#doubles[slot * DOUBLES] = time;
    words[at + 2] = kind | (flags << 8) | (this.detail ? DETAIL << 8 : 0) | (waitKind << 16) | (resourceKind << 24);
    words[at + 3] = task;
    words[at + 4] = wait;
    words[at + 5] = resource;
    words[at + 6] = a;
    words[at + 7] = b;
    this.#count = (this.#count + 1) >>> 0;
    if (slot === this.capacity - 1) this.#head[FULL_AT] = 1; // before the head: it says what the head counts
    Atomics.store(this.#head, HEAD_AT, this.#count | 0);
  }
}

/** A copy of a ring, which does not change any more. */
export class RingCopy {
  /** How many events it has. */
  readonly size: number;
  /** How many events were written before the first that it has. */
  readonly lost: number;
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  readonly #mask: number;

  /** For copyRing. `first` is the number of the first event that is whole. */
  constructor(copy: ArrayBuffer, capacity: number, first: number, size: number) {
    this.#words = new Uint32Array(copy);
    this.#doubles = new Float64Array(copy);
    this.#mask = capacity - 1;
    this.lost = first;
    this.size = size;
  }

  /** Calls `fn` with each event, in the order of writing. It is the same object each time. */
  forEach(fn: (event: RingEvent) => void): void {
    const event = {} as RingEvent; // filled by #read before it is passed on
    for (let i = 0; i < this.size; i++) fn(this.#read((this.lost + i) & this.#mask, event));
  }

  #read(slot: number, event: RingEvent): RingEvent {
    const at = slot * WORDS;
    const word = (i: number): number => this.#words[at + i] as number; // i < WORDS
    const packed = word(2);
    event.kind = packed & 0xff;
    event.flags = (packed >>> 8) & 0x7f;
    event.detail = (packed & (DETAIL << 8)) !== 0;
    event.waitKind = (packed >>> 16) & 0xff;
    event.resourceKind = packed >>> 24;
    event.time = this.#doubles[slot * DOUBLES] as number; // as above
    event.task = word(3);
    event.wait = word(4);
    event.resource = word(5);
    event.a = word(6);
    event.b = word(7);
    return event;
  }
}

/**
 * Copies what a ring has. Any thread may call it, at any time: the writer goes on.
 * @throws TypeError if it is not the buffer of a ring
 */
export function copyRing(buffer: SharedArrayBuffer | ArrayBuffer): RingCopy {
  const head = new Int32Array(buffer, 0, HEAD);
  if (head[0] !== MAGIC || head[1] !== VERSION) throw new TypeError('Cannot read ring: this is not the buffer of one');
  const capacity = head[2] as number; // within HEAD
  const end = Atomics.load(head, HEAD_AT) >>> 0;
  const used = head[FULL_AT] === 1 ? capacity : end;
  const copy = new Uint8Array(buffer, HEAD * 4, used * WORDS * 4).slice().buffer; // not shared: a copy
  const after = Atomics.load(head, HEAD_AT) >>> 0;
  // The writer may be at work on the event `after`, in the slot of the event `after - capacity`.
  const first = head[FULL_AT] === 1 ? (after - capacity + 1) >>> 0 : 0;
  const size = (end - first) | 0; // below 0 if the writer has come round once during the copy
  return new RingCopy(copy, capacity, first, Math.max(0, size));
}
