import assert from 'node:assert/strict';
import { clientsOf, cyclesOf, groupsOf, idIn, joinSnapshots, type Snapshot } from '#src/introspect/index.js';
import { test } from '../support/test.js';

const place = { file: '/chat.ts', line: 14, column: 3, function: 'chat', text: 'chat.ts:14' };

/** Two clients: one reads, the other waits for a lock that the first one holds. */
function snapshotOf(now: number): Snapshot {
  const connection = (id: number) => ({
    key: `connection:${id}`,
    kind: 'connection',
    id,
    label: `connection ${id} from 127.0.0.1:5000${id}`,
    parent: 'server:1',
    statistics: { bytesRead: 1, bytesWritten: 2, unsent: 0, buffered: 0 },
    task: id + 10,
    openedAt: now - 5000,
  });
  const task = (id: number) => ({
    id: id + 10,
    name: `127.0.0.1:5000${id} #${id}`,
    state: 'waiting' as const,
    creator: null,
    awaitedBy: [],
    createdAt: null,
    startedAt: now - 5000,
    steps: 1,
    cancelling: 0,
    serves: `connection:${id}`,
    waits: [
      id === 1
        ? { kind: 'readLine', ball: 'read' as const, since: now - 1000, place: 0 }
        : { kind: 'lock.acquire', ball: 'other' as const, resource: 'lock:1', since: now - 2000, place: 0 },
    ],
  });
  return {
    version: 1,
    now,
    process: { pid: 1, runtime: 'Node.js', file: '', epoch: 0, uptime: 1, rss: null, heapUsed: null },
    loop: { busy: now / 1e6, lag: null },
    current: null,
    tasks: [task(1), task(2)],
    resources: [
      { key: 'server:1', kind: 'server', id: 1, label: 'Server 127.0.0.1:8002', statistics: {} },
      connection(1),
      connection(2),
      {
        key: 'lock:1',
        kind: 'lock',
        id: 1,
        name: 'ledger',
        label: 'lock "ledger"',
        statistics: {},
        holders: [{ task: 11, since: now - 3000 }],
      },
    ],
    places: [place],
    omitted: { tasks: 1, resources: 0 },
  };
}

const own: Snapshot = {
  ...snapshotOf(100_000),
  tasks: [],
  resources: [],
  places: [],
  omitted: { tasks: 0, resources: 0 },
};
const joined = joinSnapshots(own, [
  { room: 1, shift: 99_000, snapshot: snapshotOf(1000) },
  { room: 2, shift: 50_000, snapshot: snapshotOf(50_000) },
]);

test('identical waits of rooms are one group, and what one holds is apart', () => {
  const groups = groupsOf(joined).map(({ count, what, example }) => [count, what, example]);
  assert.deepEqual(groups, [
    [2, 'wait in readLine at chat.ts:14', 'client 1:1'],
    [1, 'wait for lock "ledger", held by client 1:1', 'client 1:2'],
    [1, 'wait for lock "ledger", held by client 2:1', 'client 2:2'],
  ]);
  assert.deepEqual(joined.places, [place], 'each place once');
  assert.equal(joined.omitted.tasks, 2);
  assert.equal(joined.loop.busy, 0.05, 'the busiest');
});

test('clients have ids with their room, and times on one clock', () => {
  const clients = clientsOf(joined);
  assert.deepEqual(
    clients.map(({ id, peer, since, openedAt }) => [id, peer, since, openedAt]),
    [
      [idIn(1, 1), '127.0.0.1:50001', 99_000, 95_000],
      [idIn(1, 2), '127.0.0.1:50002', 98_000, 95_000],
      [idIn(2, 1), '127.0.0.1:50001', 99_000, 95_000],
      [idIn(2, 2), '127.0.0.1:50002', 98_000, 95_000],
    ],
  );
});

test('nobody waits for a task of another room that has the same number', () => {
  const crossed = structuredClone(snapshotOf(1000)) as unknown as { tasks: { waits: object[] }[] };
  // In one room, each holds what the other waits for; in the other, the holder reads.
  crossed.tasks[0]?.waits.splice(0, 1, { kind: 'lock.acquire', ball: 'other', resource: 'lock:2', since: 0, place: 0 });
  const room: Snapshot = {
    ...(crossed as unknown as Snapshot),
    resources: [
      ...snapshotOf(1000).resources,
      {
        key: 'lock:2',
        kind: 'lock',
        id: 2,
        name: 'till',
        label: 'lock "till"',
        statistics: {},
        holders: [{ task: 12, since: 0 }],
      },
    ],
  };
  const cycles = cyclesOf(
    joinSnapshots(own, [
      { room: 1, shift: 0, snapshot: room },
      { room: 2, shift: 0, snapshot: snapshotOf(1000) },
    ]),
  );
  assert.deepEqual(
    cycles.map(({ tasks }) => tasks.toSorted()),
    [[idIn(1, 11), idIn(1, 12)]],
  );
});
