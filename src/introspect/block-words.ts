// Blocks in words: who, where, for how long.
import { escapeControl, quote } from '../base/index.ts';
import type { BlockRow, Place } from './records.ts';
import { idIn, idText } from './room-ids.ts';
import { durationText } from './units.ts';

/** `client 7`, `task "oven"`, `code outside of tasks`. */
export function culpritOf({ name, peer, task, thread, room = 0 }: BlockRow): string {
  const id = peer === null || name === null ? undefined : /#(\d+)$/.exec(name)?.[1];
  if (id !== undefined) return `client ${idText(idIn(room, Number(id)))}`;
  if (name !== null) return `task ${quote(name)}${room === 0 ? '' : ` of worker ${room}`}`;
  if (task === null && thread !== 0) return 'code';
  return task === null ? 'code outside of tasks' : `task ${idText(task)}`;
}

/** ` in knead (dough.ts:12)`. */
export function placeText(place: Place | null): string {
  if (place === null) return '';
  const text = escapeControl(place.text);
  return place.function === undefined ? ` at ${text}` : ` in ${escapeControl(place.function)} (${text})`;
}

/** `312 ms by client 7 in knead (dough.ts:12)`. */
export function blockFacts(block: BlockRow): string {
  const by = block.inferred === true ? 'probably by' : 'by';
  const thread = block.thread === 0 ? '' : ` in worker ${block.thread}`;
  const why = block.place === null && block.why !== undefined ? ` (${escapeControl(block.why)})` : '';
  const { ms, starved } = block;
  const facts = `${by} ${culpritOf(block)}${thread}${placeText(block.place)}${why}`;
  if (starved === undefined) return `${durationText(ms)} ${facts}`;
  // Whoever was found is whom the system stopped, as a rule for no fault of its own.
  return `${durationText(ms)}, of which the system ran other programs for ${durationText(starved)}; the rest ${facts}`;
}
