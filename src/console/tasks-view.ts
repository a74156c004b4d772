// `maitre ps --all`: a row for each task, the longest wait first.
import {
  countText,
  idText,
  type Methods,
  plural,
  SnapshotIndex,
  taskWords,
  titleOfTask,
  type TaskRow,
} from '../inspect/protocol/index.ts';
import { answerHead, type Width } from './answer-head.ts';
import { type Column, table } from './columns.ts';
import { durationCell } from './cell-text.ts';
import { type Line, line, span } from './line.ts';

const COLUMNS: readonly Column[] = [
  { head: 'TASK', align: 'right' },
  { head: 'NAME', least: 10 },
  { head: 'FOR', align: 'right' },
  { head: 'STEPS', align: 'right', drop: 2 },
  { head: 'WHAT IT DOES', least: 16, wanted: 34 },
  { head: 'CREATED AT', least: 10, drop: 3 },
];

/** All tasks of a snapshot. */
export function tasksView(result: Methods['snapshot']['result'], width: Width): Line[] {
  const { snapshot } = result;
  const index = new SnapshotIndex(snapshot);
  const rows = snapshot.tasks
    .map((task) => ({ task, waited: waitedFor(task, snapshot.now) }))
    .sort((a, b) => (b.waited ?? -1) - (a.waited ?? -1) || a.task.id - b.task.id)
    .map(({ task, waited }) => [
      idText(task.id),
      titleOfTask(task),
      durationCell(waited),
      task.steps === null ? '-' : countText(task.steps),
      span(taskWords(task, index), task.state === 'running' ? 'alarm' : 'plain'),
      span(index.placeOf(task.createdAt)?.text ?? '-', 'faint'),
    ]);
  const { tasks: omitted } = snapshot.omitted;
  return [
    ...answerHead(result, width),
    ...table(COLUMNS, rows, width),
    ...(omitted > 0 ? [line(`and ${plural(omitted, 'more task')}, which --rows would show`, 'notice')] : []),
  ];
}

/** How long a task has been in the wait that it has had for longest; null if it has none. */
export function waitedFor({ waits }: TaskRow, now: number): number | null {
  return waits.length === 0 ? null : Math.max(0, now - Math.min(...waits.map(({ since }) => since)));
}
