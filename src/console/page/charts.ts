// What the charts strip shows: five series of the last five minutes, one point a second.
import type { StripPoint } from '../../inspect/protocol/index.ts';
import { bytes, count, niceTop, percent } from './format.ts';

export interface Chart {
  readonly id: string;
  readonly label: string;
  /** The line with the area below it. */
  value(point: StripPoint): number | null;
  /** A second, dotted line. */
  second?(point: StripPoint): number | null;
  /** The large number and its unit, in pieces: every other piece is small. */
  text(point: StripPoint): readonly string[];
  /** The top of the scale for a largest value. */
  top(most: number): number;
  /** How the top is written. */
  topText(top: number): string;
}

const one = (value: number | null): string => (value === null ? '–' : value < 9.95 ? value.toFixed(1) : count(value));

export const CHARTS: readonly Chart[] = [
  {
    id: 'busy',
    label: 'Loop busy',
    value: ({ busy }) => (busy === null ? null : busy * 100),
    text: ({ busy }) => [busy === null ? '–' : percent(busy), ' %'],
    top: (most) => (most <= 8 ? 10 : most <= 45 ? 50 : 100),
    topText: (top) => `${top} %`,
  },
  {
    id: 'lag',
    label: 'Lag p50, p99',
    value: ({ lag99 }) => lag99,
    second: ({ lag50 }) => lag50,
    text: ({ lag50, lag99 }) => [one(lag50), ', ', one(lag99), ' ms'],
    top: niceTop,
    topText: (top) => `${count(top)} ms`,
  },
  {
    id: 'connections',
    label: 'Connections',
    value: ({ connections }) => connections,
    text: ({ connections }) => [count(connections)],
    top: niceTop,
    topText: count,
  },
  {
    id: 'reads',
    label: 'Reads',
    value: ({ reads }) => reads,
    text: ({ reads }) => [reads === null ? '–' : count(reads), ' /s'],
    top: niceTop,
    topText: count,
  },
  {
    id: 'bytes',
    label: 'Bytes in and out',
    value: ({ bytesIn, bytesOut }) => bytesIn + bytesOut,
    text: ({ bytesIn, bytesOut }) => {
      const [number = '', unit = ''] = bytes(bytesIn + bytesOut).split(' ');
      return [number, ` ${unit}/s`];
    },
    // Round in the unit that is written: 50 MiB, not 47.7 MiB.
    top: (value) => {
      const unit = 1024 ** Math.max(0, Math.floor(Math.log2(Math.max(1, value)) / 10));
      return niceTop(value / unit) * unit;
    },
    topText: bytes,
  },
];

/** The columns that the chart library wants: seconds, values, second values. */
export function columnsOf(chart: Chart, points: readonly StripPoint[]): (number | null)[][] {
  const columns: (number | null)[][] = [points.map(({ at }) => at / 1000), points.map((point) => chart.value(point))];
  if (chart.second !== undefined) columns.push(points.map((point) => chart.second?.(point) ?? null));
  return columns;
}

/** The largest value that is known. */
export function mostOf(values: readonly (number | null)[] | undefined): number {
  let most = 0;
  for (const value of values ?? []) if (value !== null && value > most) most = value;
  return most;
}
