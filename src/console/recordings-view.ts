// `maitre record --list`: the recordings that were kept by themselves.
import { idText, type Methods } from '../inspect/protocol/index.ts';
import { answerHead, type Width } from './answer-head.ts';
import { durationCell } from './cell-text.ts';
import { type Column, table } from './columns.ts';
import type { Line } from './line.ts';

const COLUMNS: readonly Column[] = [
  { head: 'ID', align: 'right' },
  { head: 'WHEN', align: 'right' },
  { head: 'UP TO' },
  { head: 'WHAT', least: 10 },
];

/** The answer, and a row for each recording, the latest first. */
export function recordingsView(result: Methods['recordings']['result'], width: Width): Line[] {
  const { recordings, now } = result;
  const rows = recordings
    .toReversed()
    .map(({ id, at, reason, what }) => [idText(id), `${durationCell(now - at)} ago`, reason, what]);
  return [...answerHead(result, width), ...(rows.length === 0 ? [] : table(COLUMNS, rows, width))];
}
