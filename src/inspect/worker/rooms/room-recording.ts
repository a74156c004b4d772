// A recording of a room, as viewers of the house see it: with the ids and the times of the house.
import {
  blockInRoom,
  idIn,
  type PackedRecording,
  packRecording,
  type RecordedWait,
  type Recording,
  unpackRecording,
} from '../../../introspect/index.ts';

/** Returns the recording with the ids and times of the house. */
export function roomRecording(packed: PackedRecording, room: number, shift: number): PackedRecording {
  return packRecording(inHouse(unpackRecording(packed), room, shift));
}

function inHouse(recording: Recording, room: number, shift: number): Recording {
  const at = <T extends number | null | undefined>(time: T): T => (typeof time === 'number' ? time + shift : time) as T; // of the same kind
  const wait = (row: RecordedWait | null): RecordedWait | null =>
    row === null
      ? null
      : {
          ...row,
          since: row.since + shift,
          ...(row.ready === undefined ? {} : { ready: row.ready + shift }),
          ...(row.readyAfter === undefined ? {} : { readyAfter: row.readyAfter + shift }),
        };
  return {
    ...recording,
    process: { ...recording.process, epoch: recording.process.epoch - shift },
    from: recording.from + shift,
    to: recording.to + shift,
    tables: recording.tables.map((table) => ({
      ...table,
      id: idIn(room, table.id),
      start: wait(table.start),
    })),
    visits: recording.visits.map((visit) => ({
      ...visit,
      begin: visit.begin + shift,
      task: idIn(room, visit.task),
      from: wait(visit.from),
      to: wait(visit.to),
    })),
    jobs: recording.jobs.map((job) => ({
      ...job,
      queued: at(job.queued),
      started: at(job.started),
      ended: at(job.ended),
    })),
    turns: recording.turns.map((time) => time + shift),
    blocks: recording.blocks.map((block) => blockInRoom(block, room, shift)),
  };
}
