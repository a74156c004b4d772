// A room as the inspector of its program asks it: a thread of this process, or a process with an
// inspector of its own.
import type { RoomPlace } from '../../../hosts/node/index.ts';
import type { BlockRow, Sample } from '../../../introspect/index.ts';
import type { Figures } from '../../crossing.ts';
import type { Methods } from '../../protocol/index.ts';

/** What a room says of itself at once, also while it is blocked. */
export interface Peek {
  /** See LoopData. */
  readonly clockOffset: number;
  readonly pid: number;
  /** Bytes of memory of its process. */
  readonly rss: number;
  /** Undefined before the first second. */
  readonly figures?: Figures;
  /** The last blocks, the latest last, which alone has its stack. */
  readonly blocks: readonly BlockRow[];
  /** How many blocks are kept. */
  readonly kept: number;
  /** Of all blocks that are over. */
  readonly blockTotals: { readonly count: number; readonly ms: number };
}

/** What the inspector of a program asks a room, besides what viewers may ask. */
export interface RoomMethods {
  peek: { params: Record<string, never>; result: Peek };
  /** A sample. It comes only once the room runs. */
  sample: { params: { readonly fresh: boolean }; result: { readonly sample: Sample } };
  'look-away': { params: Record<string, never>; result: Record<string, never> };
}

/** All methods of a room. */
export type AllMethods = Methods & RoomMethods;

export interface Room {
  readonly at: RoomPlace;
  /** Its number among the threads of this process; undefined if it is none, or has not begun. */
  readonly thread: number | undefined;
  /**
   * Asks. Rejects with a RequestError, also if it cannot be reached.
   * @param ms how long it may take, in milliseconds
   */
  request<M extends keyof AllMethods>(
    method: M,
    params: AllMethods[M]['params'],
    ms: number,
  ): Promise<AllMethods[M]['result']>;
  /** It is gone. Idempotent. */
  close(): void;
}
