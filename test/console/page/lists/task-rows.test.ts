import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { treeRows } from '#page/console/page/lists/task-rows.js';
import type { Snapshot, TaskRow } from '#src/inspect/protocol/index.js';
import { test } from '../../../support/test.js';

const closed = (): boolean => false;

describe('treeRows', () => {
  test('puts a task below the one that awaits it, with the lines of a tree', () => {
    const rows = treeRows(
      snapshot([
        task(1, 'main'),
        task(2, 'server', { awaitedBy: [1] }),
        task(3, 'log', { creator: 1 }),
        task(4, 'one', { awaitedBy: [2] }),
      ]),
      closed,
    );
    assert.deepEqual(
      rows.map(({ name, indent }) => [name, indent.join(' ')]),
      [
        ['main', ''],
        ['server', 'branch'],
        ['one', 'line last'],
        ['log', 'last'],
      ],
    );
  });

  test('three that wait at the same place are one row, with the range of their times, until it is opened', () => {
    const handlers = [10, 11, 12].map((id) =>
      task(id, `handler ${id}`, { awaitedBy: [1], serves: `connection:${id}`, waits: wait('readLine', id * 10) }),
    );
    const all = snapshot([task(1, 'server'), ...handlers]);
    const [, group] = treeRows(all, closed);
    assert.equal(group?.name, '3 handlers');
    assert.deepEqual([group?.since, group?.latest, group?.open, group?.steps], [100, 120, false, 3]);
    const opened = treeRows(all, (key) => key === group?.key);
    assert.deepEqual(
      opened.map(({ name }) => name),
      ['server', '3 handlers', 'client 10: handler 10', 'client 11: handler 11', 'client 12: handler 12'],
    );
    assert.equal(opened[2]?.table, 10);
  });

  test('lists every task once, also where they await each other', () => {
    const rows = treeRows(
      snapshot([task(1, 'a', { awaitedBy: [2] }), task(2, 'b', { awaitedBy: [1] }), task(3, 'c', { awaitedBy: [3] })]),
      closed,
    );
    assert.deepEqual(rows.map(({ name }) => name).sort(), ['a', 'b', 'c']);
  });

  test('says what it waits for and of what, that it is unseen, and that its cancel was asked', () => {
    const rows = treeRows(
      {
        ...snapshot([
          task(1, 'a', { waits: [{ ...waitRow('lock.acquire', 5), resource: 'lock:3' }] }),
          task(2, 'b', { state: 'unseen', cancelling: 1, waits: [] }),
          task(3, '', { waits: [{ ...waitRow('await', 5), tasks: [1] }] }),
        ]),
        resources: [{ key: 'lock:3', kind: 'lock', id: 3, label: 'lock "db"', statistics: {} }],
      },
      closed,
    );
    assert.deepEqual(
      rows.map(({ name, note, what }) => [name, note, what]),
      [
        ['a', '', 'waits in lock.acquire'],
        ['b', 'cancel asked', "waits for something that is not maitre's"],
        ['task 3', '', 'waits for task "a"'],
      ],
    );
  });
});

function task(id: number, name: string, rest: Partial<TaskRow> = {}): TaskRow {
  return {
    id,
    name,
    state: 'waiting',
    creator: null,
    awaitedBy: [],
    createdAt: null,
    startedAt: null,
    steps: 1,
    cancelling: 0,
    waits: wait(`wait ${id}`, 1),
    ...rest,
  };
}

function waitRow(kind: string, since: number): TaskRow['waits'][number] {
  return { kind, ball: 'other', since, place: null };
}

function wait(kind: string, since: number): TaskRow['waits'] {
  return [waitRow(kind, since)];
}

function snapshot(tasks: readonly TaskRow[]): Snapshot {
  return {
    version: 1,
    now: 1000,
    process: { pid: 1, runtime: '', file: '', epoch: 0, uptime: 0, rss: null, heapUsed: null },
    loop: { busy: null, lag: null },
    current: null,
    tasks,
    resources: [],
    places: [],
    omitted: { tasks: 0, resources: 0 },
  };
}
