// `maitre blocked`: which code holds the loop, or held it.
import { countText, culpritOf, placeText, type BlockRow, type Methods } from '../inspect/protocol/index.ts';
import { answerHead, type Width } from './answer-head.ts';
import { fit } from './cell-width.ts';
import { type Column, table } from './columns.ts';
import { durationCell } from './cell-text.ts';
import { type Line, line, span } from './line.ts';

export type BlocksResult = Methods['blocks']['result'];

const COLUMNS: readonly Column[] = [
  { head: 'WHEN', align: 'right' },
  { head: 'FOR', align: 'right' },
  { head: 'WHO', least: 10 },
  { head: 'PEER', least: 9, cut: 'middle', drop: 1 },
  { head: 'WHERE', least: 12, wanted: 30 },
  { head: 'WAITING', align: 'right', drop: 2 },
];

/** Frames that are shown of the block that lasts. */
const FRAMES = 8;

/** The answer, the block that lasts with its stack, and the ones before it, the last one first. */
export function blocksView(result: BlocksResult, width: Width): Line[] {
  const { blocks, now } = result;
  const rows = [...blocks].sort((a, b) => Number(a.over) - Number(b.over) || b.since - a.since);
  return [
    ...answerHead(result, width),
    ...rows.filter(({ over }) => !over).flatMap((block) => stackLines(block, width)),
    ...(rows.length === 0
      ? []
      : table(
          COLUMNS,
          rows.map((block) => [
            block.over ? `${durationCell(now - block.since - block.ms)} ago` : span('now', 'alarm'),
            durationCell(block.ms),
            whoText(block),
            block.peer ?? '-',
            whereText(block),
            block.waiting === null ? '-' : countText(block.waiting),
          ]),
          width,
        )),
  ];
}

function whoText(block: BlockRow): string {
  return `${block.inferred === true ? 'probably ' : ''}${culpritOf(block)}${block.thread === 0 ? '' : ` in worker ${block.thread}`}`;
}

function whereText({ place, why }: BlockRow): string {
  if (place === null) return why === undefined ? 'unknown' : `unknown: ${why}`;
  return placeText(place).trim();
}

function stackLines({ stack }: BlockRow, width: Width): Line[] {
  const shown = stack.slice(0, FRAMES).map((frame) => span(`    ${frame}`).text);
  return [
    ...shown.map((text) => line(width === undefined ? text : fit(text, width), 'faint')),
    ...(stack.length > FRAMES ? [line(`    and ${stack.length - FRAMES} more frames`, 'faint')] : []),
  ];
}
