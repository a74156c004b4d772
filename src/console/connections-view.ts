// `maitre connections`: a row for each client.
import { countText, type ClientRow, idText, type Methods, ownName } from '../inspect/protocol/index.ts';
import { answerHead, type Width } from './answer-head.ts';
import { type Column, table } from './columns.ts';
import { bytesCell, durationCell } from './cell-text.ts';
import { type Line, line, span } from './line.ts';

export type ConnectionsResult = Methods['connections']['result'];

const COLUMNS: readonly Column[] = [
  { head: 'ID', align: 'right' },
  { head: 'PEER', least: 9, wanted: 15, cut: 'middle' },
  { head: 'NAME', least: 6, drop: 4 },
  { head: 'WHAT IT DOES', least: 14, wanted: 30 },
  { head: 'FOR', align: 'right' },
  { head: 'UNREAD', align: 'right', drop: 6 },
  { head: 'UNSENT', align: 'right', drop: 5 },
  { head: 'IN', align: 'right', drop: 7 },
  { head: 'OUT', align: 'right', drop: 8 },
  { head: 'AGE', align: 'right', drop: 9 },
  { head: 'SERVER', least: 8, drop: 10 },
];

/** The answer with its rows. */
export function connectionsView(result: ConnectionsResult, width: Width): Line[] {
  const { total, connections } = result;
  return [
    ...answerHead(result, width),
    ...clientRows(result, width),
    ...(total > connections.length && connections.length > 0
      ? [line(`${countText(connections.length)} of ${countText(total)}; --limit shows more`, 'faint')]
      : []),
  ];
}

/** The table of clients with its head; nothing if there are none. */
export function clientRows({ connections, now }: ConnectionsResult, width: Width): Line[] {
  if (connections.length === 0) return [];
  const servers = new Set(connections.map(({ server }) => server));
  const unnamed = connections.every((client) => nameOf(client) === '');
  const hidden = new Set([...(servers.size > 1 ? [] : ['SERVER']), ...(unnamed ? ['NAME'] : [])]);
  const columns = COLUMNS.map((column) => ({ column, show: !hidden.has(column.head) }));
  const rows = connections.map((client) => {
    const cells = [
      idText(client.id),
      client.peer,
      nameOf(client),
      client.what,
      durationCell(client.since === null ? null : now - client.since),
      countOrBlank(client.unread),
      countOrBlank(client.unsent),
      bytesCell(client.bytesRead),
      bytesCell(client.bytesWritten),
      durationCell(now - client.openedAt),
      span(client.server, 'faint'),
    ];
    return cells.filter((_, index) => columns[index]?.show === true);
  });
  return table(
    columns.flatMap(({ column, show }) => (show ? [column] : [])),
    rows,
    width,
  );
}

function nameOf({ name, id, peer }: ClientRow): string {
  return ownName(name, id, peer);
}

function countOrBlank(bytes: number): string {
  return bytes === 0 ? '-' : bytesCell(bytes);
}
