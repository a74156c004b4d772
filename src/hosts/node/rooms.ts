// Where workers and the inspector meet, without loading each other: the supervisor asks for a room
// for each worker that it starts, and the inspector, if one runs, makes it.
import type { MessagePort } from 'node:worker_threads';

/** Which worker a room is for. */
export interface RoomPlace {
  /** Its number, which is not used again. */
  readonly worker: number;
  /** 1 to the number of workers: whoever replaces it has the same. */
  readonly place: number;
  readonly kind: 'thread' | 'process';
}

/** A room of the inspector, for a worker that is about to start. */
export interface OpenedRoom {
  /** What the worker enters it with: a message, to be sent with `transfer`. */
  readonly seat: object;
  readonly transfer: readonly MessagePort[];
  /** The worker is gone. Idempotent. */
  close(): void;
}

type RoomOpener = (at: RoomPlace) => OpenedRoom;

/** That of the inspector which runs; undefined without one. */
let opener: RoomOpener | undefined;

/** Sets what opens rooms; undefined for nobody. */
export function openRoomsWith(fn: RoomOpener | undefined): void {
  opener = fn;
}

/** Opens a room. Undefined while no inspector runs. */
export function openRoom(at: RoomPlace): OpenedRoom | undefined {
  return opener?.(at);
}
