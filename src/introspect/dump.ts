// What lives, as text for standard error: the answer in one sentence, the groups, then rows.
import { escapeLines } from '../base/index.ts';
import { clientsOf } from './clients.ts';
import { conjugated, groupLines, groupsOf } from './groups.ts';
import { Index, nameOfTask } from './named.ts';
import type { Snapshot, TaskRow } from './records.ts';
import { countText, durationText, plural } from './units.ts';
import { waitWords, wordsOf } from './wait-words.ts';
import { summaryOf } from './words.ts';

/** The most rows of clients, and of tasks. */
const MOST_ROWS = 100;

/** Returns the dump of a snapshot, with a line for each of the first clients and tasks. */
export function dumpText(snapshot: Snapshot): string {
  const index = new Index(snapshot);
  const clients = clientsOf(snapshot, index);
  const tasks = snapshot.tasks.filter(({ serves }) => serves === undefined);
  return escapeLines(
    [
      summaryOf(snapshot),
      ...groupLines(groupsOf(snapshot, index)).map((line) => `  ${line}`),
      ...rows(
        'client',
        clients.map(
          ({ id, peer, what, since }) => `client ${id} ${peer}: ${conjugated(what, 1)}${ago(since, snapshot)}`,
        ),
      ),
      ...rows(
        'task',
        tasks.map((task) => `${nameOfTask(task)}: ${stateOf(task, index)}`),
      ),
    ].join('\n'),
  );
}

function rows(what: string, all: readonly string[]): string[] {
  if (all.length === 0) return [];
  const more = all.length - MOST_ROWS;
  return [
    `  ${plural(all.length, what)}:`,
    ...all.slice(0, MOST_ROWS).map((row) => `    ${row}`),
    ...(more > 0 ? [`    and ${countText(more)} more`] : []),
  ];
}

function stateOf(task: TaskRow, index: Index): string {
  if (task.waits.length === 0) return conjugated(wordsOf({ task, wait: undefined, ball: 'unseen' }, index), 1);
  return task.waits
    .map((wait) => `${conjugated(waitWords(wait, index), 1)}${ago(wait.since, index.snapshot)}`)
    .join('; ');
}

function ago(since: number | null, { now }: Snapshot): string {
  return since === null ? '' : ` for ${durationText(Math.max(0, now - since))}`;
}
