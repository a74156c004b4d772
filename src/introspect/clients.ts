// The clients of a snapshot as `connections` lists them.
import { seatsOf } from './groups.ts';
import { Index } from './named.ts';
import type { Snapshot } from './records.ts';
import { figure, peerOf } from './resource-rows.ts';
import type { ClientRow } from './table-rows.ts';
import { wordsOf } from './wait-words.ts';

/** Returns the clients of a snapshot, in the order in which they came. */
export function clientsOf(snapshot: Snapshot, index: Index = new Index(snapshot)): readonly ClientRow[] {
  return seatsOf(index).clients.map(({ connection, leaf }): ClientRow => {
    const { id, parent, task, openedAt } = connection;
    return {
      id,
      peer: peerOf(connection),
      server: parent === undefined ? '' : index.labelOf(parent),
      task: task ?? null,
      name: (task === undefined ? undefined : index.taskOf(task)?.name) ?? '',
      what: leaf === undefined ? 'has no handler at work' : wordsOf(leaf, index),
      ball: leaf?.ball ?? 'other',
      since: leaf?.wait?.since ?? null,
      place: leaf?.wait?.place ?? null,
      openedAt: openedAt ?? snapshot.now,
      bytesRead: figure(connection, 'bytesRead'),
      bytesWritten: figure(connection, 'bytesWritten'),
      unsent: figure(connection, 'unsent'),
      unread: figure(connection, 'buffered'),
    };
  });
}
