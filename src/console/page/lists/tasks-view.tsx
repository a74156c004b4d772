// The tasks: who awaits whom, and what each waits for.
import { type Signal, signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { App } from '../app.ts';
import { count, duration } from '../format.ts';
import { Glyph } from '../icons.tsx';
import { usePoll } from '../panel/poll.ts';
import type { View } from '../view.ts';
import { Filter, matches } from './filter.tsx';
import { type Column, List } from './list.tsx';
import { type TreeRow, treeRows } from './task-rows.ts';

/** Tasks that are asked for. Of more there are groups alone. */
const MOST = 2000;

/** The keys of the rows that are open. */
const open: Signal<ReadonlySet<string>> = signal(new Set<string>());

function Tasks({ app }: { readonly app: App }): JSX.Element {
  void app.beat.value;
  const { answer, problem } = usePoll(app, 'snapshot', { rows: MOST }, 500);
  const snapshot = answer.value?.snapshot;
  const filter = app.filter.value;
  const all = snapshot === undefined ? [] : treeRows(snapshot, (key) => open.value.has(key));
  const rows = filter === '' ? all : all.filter(({ text }) => matches(text, filter)).map(flat);
  const omitted = snapshot?.omitted.tasks ?? 0;
  const total = (snapshot?.tasks.length ?? 0) + omitted;
  return (
    <div class="view list tree" role="tabpanel">
      <div class="bar">
        <Filter app={app} hint="name, peer, wait, line" />
        <span class="say">
          {snapshot === undefined ? (
            problem.value
          ) : (
            <>
              <b>{count(total)}</b> tasks. Those that wait at the same place are one row.
              {omitted === 0 ? '' : ` ${count(omitted)} are not listed: there are too many.`}
            </>
          )}
        </span>
      </div>
      <List
        rows={rows}
        columns={columnsOf(snapshot?.now ?? 0)}
        keyOf={({ key }) => key}
        onChoose={(row) => choose(app, row)}
        expanded={(row) => row.open}
        empty={filter === '' ? 'No task lives.' : 'No task matches the filter.'}
      />
    </div>
  );
}

function choose(app: App, row: TreeRow): void {
  if (row.open === undefined) {
    if (row.table !== null) app.select(row.table);
    return;
  }
  const next = new Set(open.value);
  if (row.open) next.delete(row.key);
  else next.add(row.key);
  open.value = next;
}

/** A filtered row stands for itself. */
function flat(row: TreeRow): TreeRow {
  return { ...row, indent: [] };
}

function columnsOf(now: number): Column<TreeRow>[] {
  return [
    {
      id: 'name',
      label: 'Task, and those it awaits or started',
      width: 'minmax(250px, 2fr)',
      narrow: 'minmax(220px, 2fr)',
      class: 'nm',
      cell: ({ indent, name, note, open: isOpen, count: number }) => (
        <>
          {indent.map((each, i) => (
            <span key={i} class={`ind ${each}`} />
          ))}
          <span class="tw">{isOpen === undefined ? '' : isOpen ? '▾' : '▸'}</span>
          <b class={number > 1 ? 'grp' : ''}>{name}</b>
          {note === '' ? null : <span class="mono dim note">{note}</span>}
        </>
      ),
    },
    {
      id: 'what',
      label: 'What it does',
      width: 'minmax(160px, 1.4fr)',
      narrow: 'minmax(130px, 1fr)',
      class: 'gl',
      cell: ({ ball, what }) => (
        <>
          {ball < 0 ? <span class="glyph" /> : <Glyph ball={ball} />}
          <span class="mid">{what}</span>
        </>
      ),
    },
    {
      id: 'since',
      label: 'Since',
      width: '132px',
      narrow: '116px',
      right: true,
      cell: ({ since, latest }) => {
        if (since === null) return '';
        const long = duration(now - since);
        return latest === null ? long : `${duration(now - latest)} to ${long}`;
      },
    },
    {
      id: 'where',
      label: 'Where',
      width: 'minmax(132px, 0.3fr)',
      narrow: '126px',
      class: 'mono mid',
      cell: ({ where }) => where,
    },
    {
      id: 'steps',
      label: 'Visits',
      width: '64px',
      narrow: 'none',
      right: true,
      class: 'mid',
      cell: ({ steps }) => (steps === null ? '' : count(steps)),
    },
  ];
}

export const tasksView: View = {
  id: 'tasks',
  label: 'Tasks',
  group: 'list',
  strip: true,
  number: ({ live }) => live.frame?.numbers.tasks,
  body: Tasks,
};
