// `maitre bill`: where the time of one client went. The lines add up to the whole.
import type { Bill, Methods } from '../inspect/protocol/index.ts';
import { answerHead, type Width } from './answer-head.ts';
import { type Column, table } from './columns.ts';
import { durationCell, shareCell } from './cell-text.ts';
import { type Line, line, span } from './line.ts';

const WORDS: Readonly<Record<Bill['lines'][number]['what'], string>> = {
  own: 'own code',
  peer: 'waits for the peer',
  kitchen: 'waits for an executor',
  lock: 'waits for a lock or a queue',
  asleep: 'sleeps',
  ready: 'is ready, and the loop is elsewhere',
  foreign: "waits for a promise that is not maitre's",
  other: 'waits for other tasks',
  unknown: 'unknown',
};

const COLUMNS: readonly Column[] = [
  { head: 'WHAT', least: 16, wanted: 40 },
  { head: 'TIME', align: 'right' },
  { head: 'SHARE', align: 'right' },
  { head: 'BECAUSE OF', least: 10, drop: 1 },
];

/** Names that are shown of those who held a lock or had the loop. */
const NAMES = 3;

/** The bill, its largest line first. */
export function billView(result: Methods['bill']['result'], width: Width): Line[] {
  const { wall, full, lines } = result.bill;
  const rows = lines
    .filter(({ ms }) => ms > 0)
    .sort((a, b) => b.ms - a.ms)
    .map(({ what, ms, who = [] }) => [
      WORDS[what],
      durationCell(ms),
      shareCell(wall > 0 ? ms / wall : null),
      span(
        [
          ...who.slice(0, NAMES).map((each) => `${each.name} ${durationCell(each.ms)}`),
          ...(who.length > NAMES ? [`and ${who.length - NAMES} more`] : []),
        ].join(', '),
        'faint',
      ),
    ]);
  return [
    ...answerHead(result, width),
    ...table(COLUMNS, [...rows, ['in all', durationCell(wall), shareCell(1), '']], width),
    ...(full ? [] : [line('Estimated: 1 step in 64 was measured.', 'notice')]),
  ];
}
