// Ids over several loops. Each loop counts its own tasks and clients, so a view over several workers
// says which one is meant: `3:7` is client 7 of worker 3. As a number that is 3 * 2 ** 40 + 7: tables
// and maps of numbers hold it as it is. Room 0 is the program itself, whose ids stay as they are.

/** More than a loop counts in years. */
const IDS = 2 ** 40;
/** What is left of a safe integer, less room 0. Workers this far apart do not live at the same time. */
const ROOMS = 2 ** 13 - 1;

/** The number of a room: that of its worker, which counts on with every reload. 0 for the program itself. */
export function roomNumber(worker: number): number {
  return worker <= ROOMS ? worker : ((worker - 1) % ROOMS) + 1;
}

/** An id of a room, as one number. Undone by `roomOf` and `ownId`. */
export function idIn(room: number, id: number): number {
  return room * IDS + id;
}

/** The room of an id; 0 for the program itself. */
export function roomOf(id: number): number {
  return Math.floor(id / IDS);
}

/** The id as its own loop counts. */
export function ownId(id: number): number {
  return id % IDS;
}

/** `7`, or `3:7` in a worker. */
export function idText(id: number): string {
  const room = roomOf(id);
  return room === 0 ? String(id) : `${room}:${ownId(id)}`;
}

/** Reads `7` or `3:7`; undefined for anything else. */
export function parseId(text: string): number | undefined {
  const [, room = '0', id] = /^(?:(\d{1,4}):)?(\d{1,12})$/.exec(text) ?? [];
  return id === undefined || Number(room) > ROOMS ? undefined : idIn(Number(room), Number(id));
}
