// introspect: who waits for whom, read from the live tasks, waits and resources of core. May
// import: base, core. Does not belong here: anything that changes what it looks at, or that
// communicates with the outside.
export { billOf, billOfTable } from './bill.ts';
export { culpritOf, placeText } from './block-words.ts';
export { clientsOf } from './clients.ts';
export { countSteps } from './counting.ts';
export { type FrozenRing, FrozenRings } from './frozen-rings.ts';
export { dumpText } from './dump.ts';
export { conjugated, groupLines, groupsOf } from './groups.ts';
export { History } from './history.ts';
export { Index as SnapshotIndex, isClient, nameOfTask, ownName, titleOfTask } from './named.ts';
export { outcomeOf } from './outcome.ts';
export { joinOutside, outsideOf } from './outside.ts';
export { idIn, idText, ownId, parseId, roomNumber, roomOf } from './room-ids.ts';
export type { RoomRow } from './rooms.ts';
export { blockInRoom, endedInRoom, joinLoops, joinSnapshots } from './join-snapshots.ts';
export { framesOf, guiltyFrame, placeOfFrame } from './places.ts';
export { SiteRecording } from './sites.ts';
export { takeSnapshot } from './snapshot.ts';
export type { RecordingNotes } from './notes.ts';
export { type PackedRecording, packRecording, unpackRecording } from './pack-recording.ts';
export { shortName } from './short-name.ts';
export { readRecording, type ReadRecordingOptions } from './read-recording.ts';
export { Recorder } from './recorder.ts';
export type { Bill, RecordedJob, RecordedTable, RecordedWait, Recording, Visit } from './recording.ts';
export {
  type Ball,
  BALLS,
  type BlockRow,
  type Cycle,
  type EndedRow,
  type Group,
  type LoopRow,
  type Place,
  type ProcessRow,
  type ResourceRow,
  type Snapshot,
  type TaskRow,
  type WaitRow,
  type WarningRow,
} from './records.ts';
export { buffersOf, type Counters, emptyTables, type Sample, type SampledTables, Sampler } from './sample.ts';
export {
  type ClientRow,
  IN_LINE,
  type KitchenRow,
  type OutsideRow,
  PARKED,
  type ShownVisit,
  type TableNews,
} from './table-rows.ts';
export { bytesText, countText, durationText, percentText, plural, spanText } from './units.ts';
export { takeTotals, type Totals } from './totals.ts';
export { taskWhat, taskWords } from './wait-words.ts';
export { cyclesOf } from './waits-for.ts';
export { Warnings, type WarningsInput } from './warnings.ts';
export { VisitCounter } from './visit-counter.ts';
export {
  blockSentence,
  blocksSentence,
  connectionsSentence,
  endedSentence,
  summaryOf,
  warningsSentence,
} from './words.ts';
export { copyRing } from './ring.ts';
export { type Trace, traceOf } from './trace.ts';
