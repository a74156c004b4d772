// Connections and tasks that have ended: how, when, after how long.
import type { JSX } from 'preact';
import { type EndedRow, idText } from '../../../inspect/protocol/index.ts';
import type { App } from '../app.ts';
import { bytes, count, duration, timeOfDay } from '../format.ts';
import { usePoll } from '../panel/poll.ts';
import type { View } from '../view.ts';
import { Filter, matches } from './filter.tsx';
import { type Column, List } from './list.tsx';

const HOW: Readonly<Record<EndedRow['how'], string>> = {
  returned: 'Returned',
  threw: 'Threw',
  cancelled: 'Cancelled',
  lost: 'Lost',
};

function Ended({ app }: { readonly app: App }): JSX.Element {
  void app.beat.value;
  const { answer, problem } = usePoll(app, 'ended', {}, 1000);
  const filter = app.filter.value;
  const all = answer.value?.ended ?? [];
  const rows = filter === '' ? all : all.filter((row) => matches(textOf(row), filter));
  return (
    <div class="view list" role="tabpanel">
      <div class="bar">
        <Filter app={app} hint="name, end, message" />
        <span class="say">
          {answer.value === null ? (
            problem.value
          ) : (
            <>
              The last <b>{count(rows.length)}</b> of {count(app.live.frame?.numbers.ended ?? all.length)} that have
              ended
            </>
          )}
        </span>
      </div>
      <List
        rows={rows}
        columns={columnsOf(app)}
        keyOf={({ what, id, at }) => `${what} ${id} ${at}`}
        sorting={{ column: 'at', down: true }}
        empty={filter === '' ? 'Nothing has ended yet.' : 'No ended one matches the filter.'}
      />
    </div>
  );
}

function textOf({ what, id, name, how, why }: EndedRow): string {
  return `${what} ${idText(id)} ${name} ${how} ${why ?? ''}`;
}

function columnsOf(app: App): Column<EndedRow>[] {
  const epoch = app.hello.value?.process.epoch ?? 0;
  return [
    {
      id: 'at',
      label: 'Ended',
      width: '84px',
      narrow: '76px',
      value: ({ at }) => at,
      cell: ({ at }) => timeOfDay(epoch + at),
    },
    {
      id: 'what',
      label: 'What',
      width: '104px',
      narrow: '92px',
      value: ({ what }) => what,
      cell: ({ what, id }) => `${what} ${idText(id)}`,
    },
    {
      id: 'name',
      label: 'Name',
      width: 'minmax(150px, 1fr)',
      class: 'mono mid',
      value: ({ name }) => name,
      cell: ({ name }) => name,
    },
    {
      id: 'ms',
      label: 'Stayed',
      width: '92px',
      right: true,
      value: ({ ms }) => ms ?? -1,
      cell: ({ ms }) => (ms === null ? '–' : duration(ms)),
    },
    {
      id: 'in',
      label: 'In',
      width: '66px',
      narrow: 'none',
      right: true,
      class: 'mid',
      value: ({ bytesRead = -1 }) => bytesRead,
      cell: ({ bytesRead }) => (bytesRead === undefined ? '' : bytes(bytesRead)),
    },
    {
      id: 'out',
      label: 'Out',
      width: '66px',
      narrow: 'none',
      right: true,
      class: 'mid',
      value: ({ bytesWritten = -1 }) => bytesWritten,
      cell: ({ bytesWritten }) => (bytesWritten === undefined ? '' : bytes(bytesWritten)),
    },
    {
      id: 'how',
      label: 'How',
      width: 'minmax(240px, 1.6fr)',
      narrow: 'minmax(160px, 1fr)',
      value: ({ how }) => how,
      cell: ({ how, why }) => (
        <span title={why ?? ''}>
          <b class="how">{HOW[how]}</b> <span class="mid">{why ?? ''}</span>
        </span>
      ),
    },
  ];
}

export const endedView: View = {
  id: 'ended',
  label: 'Ended',
  group: 'list',
  strip: true,
  panel: false,
  body: Ended,
};
