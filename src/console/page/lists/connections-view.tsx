// All tables as a table: the same data as on the floor, for whoever reads rather than looks.
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { type ClientRow, idText } from '../../../inspect/protocol/index.ts';
import type { App } from '../app.ts';
import { bytes, count, duration, tableNumber } from '../format.ts';
import { shortWait } from '../floor/live-picture.ts';
import { Glyph } from '../icons.tsx';
import { kindOf, READ } from '../kinds.ts';
import { usePoll } from '../panel/poll.ts';
import type { Table } from '../table.ts';
import type { View } from '../view.ts';
import { Filter, matches } from './filter.tsx';
import { type Column, List } from './list.tsx';

/** Rows whose bytes are asked for. */
const COLD = 500;
/** Bytes unsent from which on they stand out. */
const MUCH = 100_000;

function Connections({ app }: { readonly app: App }): JSX.Element {
  void app.beat.value;
  const { live } = app;
  const filter = app.filter.value;
  const { answer } = usePoll(app, 'connections', { limit: COLD, ...(filter === '' ? {} : { filter }) }, 1000);
  const cold = useMemo(() => new Map(answer.value?.connections.map((row) => [row.id, row] as const)), [answer.value]);
  const now = app.now();
  const rows = filter === '' ? live.tables : live.tables.filter((table) => matches(textOf(app, table), filter));
  return (
    <div class="view list" role="tabpanel">
      <div class="bar">
        <Filter app={app} hint="peer, wait, line" />
        <span class="say">
          <b>{count(rows.length)}</b> of {count(live.frame?.total ?? 0)}{' '}
          {live.frame?.of === 'tasks' ? 'tasks' : 'connections'}
        </span>
      </div>
      <List
        rows={rows}
        columns={columnsOf(app, now, cold)}
        keyOf={({ id }) => id}
        selected={app.selected.value}
        sorting={{ column: 'since', down: true }}
        onChoose={({ id }) => app.select(app.selected.value === id ? 0 : id)}
        onOrder={(keys) => {
          app.listed = keys;
        }}
        empty={filter === '' ? 'Nobody is connected.' : 'No connection matches the filter.'}
      />
    </div>
  );
}

function textOf({ live }: App, table: Table): string {
  const { id, words } = kindOf(table.ball);
  return `${idText(table.id)} ${table.name} ${table.peer} ${words} ${id} ${live.places[table.place]?.text ?? ''} ${shortWait(live, table)}`;
}

function columnsOf(app: App, now: number, cold: ReadonlyMap<number, ClientRow>): Column<Table>[] {
  const { live } = app;
  const waited = ({ since }: Table): number => (since > 0 ? now - since : -1);
  const seated = ({ openedAt }: Table): number => (openedAt === null ? -1 : now - openedAt);
  const ofCold = (id: number, field: 'bytesRead' | 'bytesWritten'): string => {
    const row = cold.get(id);
    return row === undefined ? '' : bytes(row[field]);
  };
  return [
    {
      id: 'id',
      label: 'Table',
      width: '58px',
      narrow: '50px',
      value: ({ id }) => id,
      cell: ({ id }) => tableNumber(id),
    },
    {
      id: 'peer',
      label: 'Peer',
      width: 'minmax(146px, 1.1fr)',
      narrow: '150px',
      class: 'mono mid',
      value: ({ peer }) => peer,
      cell: ({ peer, name }) => peer || name,
    },
    {
      id: 'ball',
      label: 'Waits for',
      width: 'minmax(150px, 1.6fr)',
      narrow: 'minmax(120px, 1fr)',
      class: 'gl',
      value: (table) => table.ball * 1e12 + waited(table),
      cell: (table) => (
        <>
          <Glyph ball={table.ball} />
          <span>
            {kindOf(table.ball).words} <span class="dim">{table.ball === READ ? '' : shortWait(live, table)}</span>
          </span>
        </>
      ),
    },
    {
      id: 'since',
      label: 'Since',
      width: '84px',
      narrow: '76px',
      right: true,
      value: waited,
      cell: (table) => (table.since > 0 ? duration(now - table.since) : '–'),
    },
    {
      id: 'seated',
      label: 'Seated',
      width: '92px',
      narrow: '88px',
      right: true,
      class: 'mid',
      value: seated,
      cell: ({ openedAt }) => (openedAt === null ? '–' : duration(now - openedAt)),
    },
    {
      id: 'in',
      label: 'In',
      width: '62px',
      narrow: 'none',
      right: true,
      class: 'mid',
      value: ({ id }) => cold.get(id)?.bytesRead ?? -1,
      cell: ({ id }) => ofCold(id, 'bytesRead'),
    },
    {
      id: 'out',
      label: 'Out',
      width: '62px',
      narrow: 'none',
      right: true,
      class: 'mid',
      value: ({ id }) => cold.get(id)?.bytesWritten ?? -1,
      cell: ({ id }) => ofCold(id, 'bytesWritten'),
    },
    {
      id: 'unsent',
      label: 'Unsent',
      width: '62px',
      right: true,
      value: ({ unsent }) => unsent,
      cell: ({ unsent }) => <span class={unsent > MUCH ? '' : 'dim'}>{unsent === 0 ? '0' : bytes(unsent)}</span>,
    },
    {
      id: 'visits',
      label: 'Visits',
      width: '58px',
      narrow: 'none',
      right: true,
      class: 'mid',
      value: ({ visits }) => visits,
      cell: ({ visits }) => count(visits),
    },
  ];
}

export const connectionsView: View = {
  id: 'connections',
  label: 'Connections',
  group: 'list',
  strip: true,
  number: ({ live }) => (live.frame?.of === 'tasks' ? 0 : live.frame?.total),
  body: Connections,
  onKey: (app, { key }) => {
    if (key !== 'j' && key !== 'k') return false;
    const keys = app.listed();
    const at = keys.indexOf(app.selected.value);
    const next = keys[Math.max(0, Math.min(keys.length - 1, at < 0 ? 0 : at + (key === 'j' ? 1 : -1)))];
    if (typeof next === 'number') app.select(next);
    return true;
  },
};
