// A loop in words: overloaded, or late.
import type { LoopRow } from './records.ts';
import { durationText, percentText } from './units.ts';

/** From here on a loop is overloaded: the share of time that it is busy; and late: milliseconds at p99. */
const BUSY = 0.95;
const LATE = 100;

/** What is wrong with a loop, as what follows its name; undefined if nothing is. */
export function loopTrouble({ busy, lag }: LoopRow): string | undefined {
  const isLate = lag !== null && lag.p99 >= LATE;
  const late = isLate ? [`late by up to ${durationText(lag.p99)}`] : [];
  if (busy !== null && busy >= BUSY)
    return `is overloaded: ${[`busy ${percentText(busy)} of the time`, ...late].join(' and ')}`;
  // A block or a busy machine makes a loop late that has time to spare.
  return isLate ? `was ${late.join('')}` : undefined;
}
