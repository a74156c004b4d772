// The requests that a house answers with all of its rooms, by method. Without rooms, its one loop
// answers them as they are.
import {
  blockInRoom,
  type BlockRow,
  blocksSentence,
  endedInRoom,
  endedSentence,
  idIn,
  idText,
  ownId,
  plural,
  roomOf,
  summaryOf,
} from '../../../introspect/index.ts';
import type { LoopHandlers } from '../loop-requests.ts';
import { RequestError } from '../request-error.ts';
import type { ShownFiles } from '../shown-files.ts';
import type { House } from './house.ts';
import { roomRecording } from './room-recording.ts';
import type { AllMethods, Peek, RoomMethods } from './room.ts';

type OwnHandlers = Omit<LoopHandlers, keyof RoomMethods>;

/** How long a room may take for a list, and for what it records, beside the time that it records. */
const PATIENCE = 1000;
const READING = 20_000;

/** Returns the handlers. @param own those of the loop of the program itself */
export function houseHandlers(house: House, files: ShownFiles, own: OwnHandlers): OwnHandlers {
  return {
    snapshot: async (params) => {
      if (!house.hasRooms) return own.snapshot(params);
      const { snapshot, fresh, rooms } = await house.take(params.rows);
      files.add(snapshot.places);
      return { sentence: summaryOf(snapshot, { block: fresh.block, rooms }), fresh, snapshot, ...(rooms && { rooms }) };
    },
    ended: async (params) => {
      const answer = await own.ended(params);
      if (!house.hasRooms) return answer;
      const others = await askAll(house, 'ended', {}, PATIENCE, ({ ended }, room, shift) =>
        ended.map((row) => endedInRoom(row, room, shift)),
      );
      const ended = [...answer.ended, ...others.flat()].sort((a, b) => b.at - a.at);
      return { ...answer, sentence: endedSentence(ended), ended };
    },
    blocks: async (params) => {
      const answer = await own.blocks(params);
      if (!house.hasRooms) return answer;
      const others = await askAll(house, 'blocks', {}, PATIENCE, ({ blocks }, room, shift) =>
        blocks.map((row) => blockInRoom(row, room, shift)),
      );
      const blocks = [...answer.blocks, ...others.flat()].sort((a, b) => b.since - a.since);
      files.add(blocks.map(({ place }) => place));
      return { ...answer, sentence: blocksOfHouse(blocks, answer.now), blocks };
    },
    bill: async ({ client, ms }) => {
      const room = roomOfId(client, 'client');
      if (room === 0) return own.bill({ client, ...(ms !== undefined && { ms }) });
      const params = { client: ownId(client), ...(ms !== undefined && { ms }) };
      const { sentence, bill, fresh } = await house.find(room).request('bill', params, (ms ?? 0) + READING);
      const name = (text: string): string => text.replace(/\bclient (?=\d)/g, `client ${room}:`);
      const shares = <S extends { readonly name: string }>(all: readonly S[]): S[] =>
        all.map((share) => ({ ...share, name: name(share.name) }));
      const lines = bill.lines.map((line) => ({
        ...line,
        ...(line.who && { who: shares(line.who) }),
        ...(line.maybeReady && { maybeReady: { ...line.maybeReady, who: shares(line.maybeReady.who) } }),
      }));
      return { sentence: name(sentence), fresh, bill: { ...bill, client: name(bill.client), lines } };
    },
    record: async ({ room, ...params }) => {
      const number = room ?? (params.frozen === undefined ? house.busiest() : roomOf(params.frozen));
      if (number === 0) return own.record(params);
      const asked = params.frozen === undefined ? params : { frozen: ownId(params.frozen) };
      const { at, request } = roomParts(house, number);
      const answer = await request('record', asked, (params.ms ?? 0) + READING);
      files.add(answer.recording.places);
      const sentence = `Worker ${number}: ${answer.sentence}`;
      return { ...answer, sentence, recording: roomRecording(answer.recording, number, house.shiftOf(at)) };
    },
    recordings: async (params) => {
      const answer = await own.recordings(params);
      if (!house.hasRooms) return answer;
      const others = await askAll(house, 'recordings', {}, PATIENCE, ({ recordings }, room, shift) =>
        recordings.map((row) => ({ ...row, id: idIn(room, row.id), at: row.at + shift })),
      );
      const recordings = [...answer.recordings, ...others.flat()].sort((a, b) => a.at - b.at);
      if (recordings.length === 0) return answer;
      const reasons = recordings.map(({ reason }) => reason).join(', ');
      return { ...answer, sentence: `${plural(recordings.length, 'recording')} kept: ${reasons}`, recordings };
    },
    cancel: async ({ client, task }) => {
      const [id, what] = client === undefined ? [task, 'task'] : [client, 'client'];
      const room = roomOfId(id, what);
      if (room === 0)
        return own.cancel({ ...(client !== undefined && { client }), ...(task !== undefined && { task }) });
      try {
        return await house.find(room).request('cancel', { [what]: ownId(id ?? 0) }, PATIENCE * 10);
      } catch (error) {
        if (!(error instanceof RequestError) || error.code !== 'NOT_FOUND') throw error;
        throw new RequestError('NOT_FOUND', `there is no ${what} ${idText(id ?? 0)}`);
      }
    },
  };
}

/** @throws RequestError for what is no id */
function roomOfId(id: number | undefined, what: string): number {
  if (id === undefined) return 0; // whoever answers says what is wrong
  if (!Number.isSafeInteger(id) || id < 0)
    throw new RequestError('BAD_REQUEST', `${what} must be the number of a ${what}`);
  return roomOf(id);
}

function roomParts(house: House, number: number): { at: Peek; request: ReturnType<House['find']>['request'] } {
  const room = house.find(number);
  const at = house.rooms.find((each) => each.room === room)?.peek;
  if (at === undefined) throw new RequestError('NOT_AVAILABLE', `worker ${number} has not begun`);
  return { at, request: (method, params, ms) => room.request(method, params, ms) };
}

/** Asks all rooms, and returns what those say that answer. */
async function askAll<M extends keyof AllMethods, T>(
  house: House,
  method: M,
  params: AllMethods[M]['params'],
  ms: number,
  read: (answer: AllMethods[M]['result'], room: number, shift: number) => T,
): Promise<T[]> {
  const answers = await Promise.all(
    house.rooms.map(async ({ room, number, peek }) => {
      if (peek === undefined) return [];
      try {
        return [read(await room.request(method, params, ms), number, house.shiftOf(peek))];
      } catch {
        return []; // it has gone, or does not answer: the rooms of `groups` say so
      }
    }),
  );
  return answers.flat();
}

/** The blocks of all: the one that lasts longest, and who is blocked too. */
function blocksOfHouse(blocks: readonly BlockRow[], now: number): string {
  const lasting = blocks.filter(({ over }) => !over).sort((a, b) => a.since - b.since);
  const rooms = new Set(lasting.map(({ room = 0 }) => room));
  const more = rooms.size < 2 ? '' : ` ${plural(rooms.size - 1, 'other worker is', 'other workers are')} blocked too.`;
  return blocksSentence([...lasting, ...blocks.filter(({ over }) => over)], now) + more;
}
