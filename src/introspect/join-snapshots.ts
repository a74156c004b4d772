// One snapshot of several rooms: ids with their room, times on one clock, equal places once. All that
// is made of a snapshot, such as groups and sentences, then says which room is meant.
import type { BlockRow, EndedRow, LoopRow, Place, ResourceRow, Snapshot, TaskRow, WaitRow } from './records.ts';
import { idIn, idText } from './room-ids.ts';

/** A snapshot of one room. */
export interface RoomSnapshot {
  readonly room: number;
  /** Added to a time of the room's loop, it gives the time of the program's loop. */
  readonly shift: number;
  readonly snapshot: Snapshot;
}

/**
 * Joins the snapshots of rooms.
 * @param own that of the program itself, on whose clock the result is
 */
export function joinSnapshots(own: Snapshot, rooms: readonly RoomSnapshot[]): Snapshot {
  const places = new Places();
  const parts = [inRoom({ room: 0, shift: 0, snapshot: own }, places), ...rooms.map((each) => inRoom(each, places))];
  const all = [own, ...rooms.map(({ snapshot }) => snapshot)];
  return {
    ...own,
    current: parts.find(({ current }) => current !== null)?.current ?? null,
    loop: joinLoops(rooms.map(({ snapshot }) => snapshot.loop)),
    tasks: parts.flatMap(({ tasks }) => tasks),
    resources: parts.flatMap(({ resources }) => resources),
    places: places.all,
    ...usualOf(all),
    omitted: {
      tasks: all.reduce((sum, { omitted }) => sum + omitted.tasks, 0),
      resources: all.reduce((sum, { omitted }) => sum + omitted.resources, 0),
    },
  };
}

/** The loops of several rooms as one: the busiest, and the latest. */
export function joinLoops(loops: readonly LoopRow[]): LoopRow {
  const busy = loops.flatMap((loop) => loop.busy ?? []);
  const lags = loops.flatMap(({ lag }) => lag ?? []);
  return {
    busy: busy.length === 0 ? null : Math.max(...busy),
    lag:
      lags.length === 0
        ? null
        : { p50: Math.max(...lags.map(({ p50 }) => p50)), p99: Math.max(...lags.map(({ p99 }) => p99)) },
  };
}

/** A block of a room, with its ids and times. */
export function blockInRoom(block: BlockRow, room: number, shift: number): BlockRow {
  const { id, since, task, frozen } = block;
  return {
    ...block,
    // Those of other threads have negative ones.
    id: id < 0 ? id - idIn(room, 0) : idIn(room, id),
    since: since + shift,
    task: task === null ? null : idIn(room, task),
    ...(room === 0 ? {} : { room }),
    ...(frozen === undefined ? {} : { frozen: idIn(room, frozen) }),
  };
}

/** What has ended in a room, with its ids and times. */
export function endedInRoom(row: EndedRow, room: number, shift: number): EndedRow {
  const { id, at, name, what } = row;
  return { ...row, id: idIn(room, id), at: at + shift, name: what === 'connection' ? labelIn(name, room) : name };
}

/** Places of several rooms, each once. */
class Places {
  readonly all: Place[] = [];
  readonly #indexOf = new Map<string, number>();

  indexOf(place: Place): number {
    const key = `${place.file}:${place.line}:${place.column} ${place.function ?? ''}`;
    let index = this.#indexOf.get(key);
    if (index === undefined) {
      index = this.all.push(place) - 1;
      this.#indexOf.set(key, index);
    }
    return index;
  }
}

function inRoom(
  { room, shift, snapshot }: RoomSnapshot,
  places: Places,
): Pick<Snapshot, 'tasks' | 'resources' | 'current'> {
  const indexOf = snapshot.places.map((place) => places.indexOf(place));
  const at = (place: number | null): number | null => (place === null ? null : (indexOf[place] ?? null));
  const id = (own: number | null): number | null => (own === null ? null : idIn(room, own));
  const ids = (own: readonly number[]): number[] => own.map((each) => idIn(room, each));
  const wait = (row: WaitRow): WaitRow => ({
    ...row,
    since: row.since + shift,
    place: at(row.place),
    ...(row.resource === undefined ? {} : { resource: keyIn(row.resource, room) }),
    ...(row.tasks === undefined ? {} : { tasks: ids(row.tasks) }),
    ...(row.answeredAt === undefined ? {} : { answeredAt: row.answeredAt + shift }),
    ...(row.outer === undefined ? {} : { outer: row.outer.flatMap((each) => at(each) ?? []) }),
  });
  const task = (row: TaskRow): TaskRow => ({
    ...row,
    id: idIn(room, row.id),
    creator: id(row.creator),
    awaitedBy: ids(row.awaitedBy),
    createdAt: at(row.createdAt),
    startedAt: row.startedAt === null ? null : row.startedAt + shift,
    ...(row.serves === undefined ? {} : { serves: keyIn(row.serves, room) }),
    waits: row.waits.map(wait),
  });
  const resource = (row: ResourceRow): ResourceRow => ({
    ...row,
    key: keyIn(row.key, room),
    id: idIn(room, row.id),
    label: labelIn(row.label, room),
    ...(row.parent === undefined ? {} : { parent: keyIn(row.parent, room) }),
    ...(row.holders === undefined
      ? {}
      : {
          holders: row.holders.map(({ task: by, since }) => ({
            task: id(by),
            since: since === null ? null : since + shift,
          })),
        }),
    ...(row.task === undefined ? {} : { task: idIn(room, row.task) }),
    ...(row.openedAt === undefined ? {} : { openedAt: row.openedAt + shift }),
  });
  return {
    tasks: snapshot.tasks.map(task),
    resources: snapshot.resources.map(resource),
    current: id(snapshot.current),
  };
}

/** `lock:3:7` from `lock:7`. */
function keyIn(key: string, room: number): string {
  if (room === 0) return key;
  const colon = key.lastIndexOf(':');
  return `${key.slice(0, colon)}:${idText(idIn(room, Number(key.slice(colon + 1))))}`;
}

/** `connection 3:7 from 127.0.0.1:50412`: the labels that say a number. */
function labelIn(label: string, room: number): string {
  return room === 0 ? label : label.replace(/^connection (\d+)(?= )/, `connection ${room}:$1`);
}

/** What is usual: the longest of what is usual in each. */
function usualOf(snapshots: readonly Snapshot[]): Pick<Snapshot, 'usual'> {
  const usual: Record<string, number> = {};
  for (const snapshot of snapshots)
    for (const [kind, ms] of Object.entries(snapshot.usual ?? {})) usual[kind] = Math.max(usual[kind] ?? 0, ms);
  return Object.keys(usual).length === 0 ? {} : { usual };
}
