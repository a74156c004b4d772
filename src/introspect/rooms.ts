// Rooms: the workers of a program, each with a loop of its own, that are looked at together with it.
import type { BlockRow, LoopRow } from './records.ts';

/** A worker with its loop, as viewers see it. */
export interface RoomRow {
  /** Its number, which stands before the colon of its ids. */
  readonly room: number;
  /** 1 to the number of workers: whoever replaces it has the same. */
  readonly place: number;
  readonly kind: 'thread' | 'process';
  readonly pid: number;
  readonly loop: LoopRow;
  readonly clients: number;
  readonly tasks: number;
  /** The block that lasts; absent for none. */
  readonly block?: BlockRow;
  /** Why nothing is known of it now, or why it is from before: `it does not answer`. */
  readonly why?: string;
}
