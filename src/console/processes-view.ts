// The list of what runs, for a command that does not know which process is meant.
import type { Width } from './answer-head.ts';
import { type Column, table } from './columns.ts';
import { durationCell } from './cell-text.ts';
import { type Line, span } from './line.ts';

/** A process that has a control socket. */
export interface RunningProcess {
  readonly pid: number;
  readonly socket: string;
  /** What is known of it; undefined if it does not answer, and `why` says what was tried. */
  readonly file?: string;
  readonly runtime?: string;
  readonly addresses?: readonly string[];
  /** Milliseconds. */
  readonly uptime?: number;
  readonly why?: string;
}

const COLUMNS: readonly Column[] = [
  { head: 'PID', align: 'right' },
  { head: 'UP', align: 'right' },
  { head: 'FILE', least: 12, cut: 'middle' },
  { head: 'ADDRESS', least: 14 },
  { head: 'RUNTIME', drop: 1 },
];

/** A row for each process, the youngest first. */
export function processesView(processes: readonly RunningProcess[], width: Width): Line[] {
  const rows = [...processes].sort((a, b) => (a.uptime ?? Infinity) - (b.uptime ?? Infinity) || a.pid - b.pid);
  return table(
    COLUMNS,
    rows.map(({ pid, uptime, file, addresses = [], runtime, why }) => [
      String(pid),
      durationCell(uptime),
      file ?? span(why ?? '-', 'alarm'),
      addresses.join(', ') || '-',
      runtime ?? '-',
    ]),
    width,
  );
}
