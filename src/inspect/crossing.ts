// What passes between the two halves of an inspector, in one process: the main thread, which has
// the data, and the worker, which talks to the outside and watches.
//
// - Words in shared memory, written by the main thread and read by the worker. They are readable
//   while the main thread is blocked.
// - Messages. A question and its answer are one JSON string each.
// - A function at a symbol of globalThis, called with the same questions, for a blocked main thread
//   (look-in.ts).
import type { MessagePort } from 'node:worker_threads';
import type { RoomPlace } from '../hosts/node/index.ts';
import type {
  BlockRow,
  Counters,
  EndedRow,
  LoopRow,
  ProcessRow,
  RecordingNotes,
  Sample,
  Snapshot,
  Totals,
} from '../introspect/index.ts';
import type { Methods, RequestErrorCode } from './protocol/index.ts';

// ---- shared memory ---------------------------------------------------------------------------------------------

/** How often the main thread beats, in milliseconds. */
export const BEAT_EVERY = 25;

/** Counts the beats. Wraps. */
const BEATS = 0;
/** The id of the task that was resumed last; 0 outside of tasks. */
const TASK = 1;
/** How many calls of allowBlocking are running. */
const ALLOWED = 2;

/** The shared words. */
export class Pulse {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  /** One element: when the last beat was, in milliseconds on the loop's clock. */
  readonly #times: Float64Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(24)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, 3);
    this.#times = new Float64Array(buffer, 16, 1);
  }

  beat(now: number): void {
    this.#times[0] = now;
    Atomics.add(this.#words, BEATS, 1);
  }

  get beats(): number {
    return Atomics.load(this.#words, BEATS);
  }

  get lastBeat(): number {
    return this.#times[0] as number; // it has one element
  }

  /** Called at each delivery, so a plain store. The worker may see it a moment later. */
  resumed(task: number): void {
    this.#words[TASK] = task;
  }

  get task(): number {
    return Atomics.load(this.#words, TASK);
  }

  allow(calls: number): void {
    Atomics.add(this.#words, ALLOWED, calls);
  }

  get isAllowed(): boolean {
    return Atomics.load(this.#words, ALLOWED) > 0;
  }
}

// ---- questions -------------------------------------------------------------------------------------------------

/** What the worker asks the main thread. */
export interface Questions {
  snapshot: { params: Methods['snapshot']['params']; answer: Snapshot };
  look: { params: Record<string, never>; answer: Look };
  cancel: { params: Methods['cancel']['params']; answer: 'done' | 'ended' };
  ended: { params: Record<string, never>; answer: readonly EndedRow[] };
  /** Names for what the ring of the recorder has. */
  notes: { params: Record<string, never>; answer: RecordingNotes };
  /** Records at full detail, or as before. Starts the recorder if it does not run. */
  detail: { params: { readonly on: boolean }; answer: null };
}

export type Question = {
  [Q in keyof Questions]: { readonly ask: Q; readonly params: Questions[Q]['params'] };
}[keyof Questions];

/** An answer, as its JSON says it. */
export type Answered<Q extends keyof Questions> = AnsweredWith<Questions[Q]['answer']> & {
  /** The milliseconds that the main thread spent on it. */
  readonly cost: number;
};

type AnsweredWith<A> =
  | { readonly answer: A }
  | { readonly error: { readonly code: RequestErrorCode; readonly message: string } };

/** What the main thread does at this moment. */
export interface Look {
  /** The beats so far: others than before mean that the block is over. */
  readonly beats: number;
  readonly task: number | null;
  readonly name: string | null;
  readonly peer: string | null;
  /** The frames below the look itself, innermost first. */
  readonly stack: readonly string[];
  /** The address of the debugger's port; null while it is closed. */
  readonly debuggerUrl: string | null;
}

// ---- messages --------------------------------------------------------------------------------------------------

/** What the inspector's thread knows of a thread that it looks into. */
export interface LoopData {
  readonly pulse: SharedArrayBuffer;
  /** Added to the time of the process (hrtime, in milliseconds), it gives the loop's time. */
  readonly clockOffset: number;
  readonly process: ProcessRow;
  /** Why no thread may look into it; undefined if one may try. */
  readonly obstacle: string | undefined;
}

/** What the worker is started with. */
export interface WorkerData extends LoopData {
  readonly version: string;
  readonly settings: Settings;
}

/** The options of startInspector, with their defaults. */
export interface Settings {
  /**
   * The paths for the control socket: the first one on which no other process answers. Empty for no
   * socket.
   */
  readonly sockets: readonly string[];
  readonly control: boolean;
  /** Bytes of the recorder's ring; null: it does not run from the start. */
  readonly record: { readonly bytes: number | undefined; readonly full: boolean } | null;
  readonly blockAfter: number;
  /** Where the page is served; null for no page. */
  readonly web: { readonly host: string; readonly port: number } | null;
  /** Where the metrics are served; null for none. */
  readonly metrics: { readonly host: string; readonly port: number; readonly token: string } | null;
  /** Whether it is a room of another process, whose inspector alone asks it. */
  readonly isRoom: boolean;
}

// ---- rooms -----------------------------------------------------------------------------------------------------
//
// A room is a worker of the program with a loop of its own, looked at together with the main thread.
// A thread shares the inspector's thread of its process, by a port; a process has an inspector of its
// own, which the one of its supervisor asks over a control socket.

/** What a worker enters its room with. */
export type RoomSeat =
  | { readonly kind: 'thread'; readonly port: MessagePort; readonly record: Settings['record'] }
  | ({ readonly kind: 'process'; readonly socket: string } & Pick<Settings, 'control' | 'record' | 'blockAfter'>);

/** The first message of a thread in its room. */
export interface EnterRoom {
  readonly type: 'enter';
  readonly thread: number;
  readonly data: LoopData;
}

export type ToWorker =
  | { readonly type: 'answer'; readonly id: number; readonly text: string }
  /** A picture of all tables, as it was asked for. */
  | { readonly type: 'sample'; readonly sample: Sample }
  /** The figures of the last second. */
  | { readonly type: 'figures'; readonly figures: Figures }
  /** A snapshot for the time when none can be asked for. */
  | { readonly type: 'kept'; readonly at: number; readonly text: string }
  /** The recorder has begun; its memory. */
  | { readonly type: 'recorder'; readonly ring: SharedArrayBuffer }
  /** There was an error that no code received. Said only while the recorder runs all the time. */
  | { readonly type: 'error'; readonly what: string }
  /** There is a worker, which will enter by the port, or listen on the socket. */
  | { readonly type: 'room'; readonly at: RoomPlace; readonly port: MessagePort }
  | { readonly type: 'room'; readonly at: RoomPlace; readonly socket: string }
  | { readonly type: 'room-gone'; readonly worker: number }
  | { readonly type: 'close' };

export type FromWorker =
  /** It answers. `page` is an address of the page with a token. Null: it is not served. */
  | {
      readonly type: 'ready';
      readonly page: string | null;
      readonly metricsPort: number | null;
      readonly socket: string | null;
    }
  /** It cannot listen. `code` is that of the error, which loses it on the way. */
  | { readonly type: 'failed'; readonly error: unknown; readonly code: string | undefined }
  | { readonly type: 'question'; readonly id: number; readonly text: string }
  /** Asks for a sample. `fresh` begins a new stream; see Sampler. */
  | { readonly type: 'sample'; readonly fresh: boolean }
  /** Nobody looks any more. */
  | { readonly type: 'look-away' }
  | { readonly type: 'block'; readonly row: BlockRow };

/** What the main thread says once a second. */
export interface Figures extends LoopRow, Counters, Totals {
  readonly now: number;
  /** How many rows the history of what ended has. */
  readonly ended: number;
}
