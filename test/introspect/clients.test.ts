import assert from 'node:assert/strict';
import { clientsOf } from '#src/introspect/index.js';
import { test } from '../support/test.js';
import { client, NOW, place, resource, served, snapshot, wait } from './rows.js';

test('a client has its peer, its server, what it waits for, and the figures of its connection', () => {
  const { task, connection } = client(7, [wait('readLine', { ball: 'read', place: 0 })]);
  const statistics = { bytesRead: 1, bytesWritten: 2, buffered: 3, unsent: 4 };
  const [row] = clientsOf(
    served([{ task, connection: { ...connection, statistics } }], {
      resources: [resource('server', 1, { label: 'server 127.0.0.1:8002' })],
      places: [place('chat.ts:14')],
    }),
  );
  assert.deepEqual(row, {
    id: 7,
    peer: '127.0.0.1:50007',
    server: 'server 127.0.0.1:8002',
    task: 7,
    name: '127.0.0.1:50007 #7',
    what: 'wait in readLine at chat.ts:14',
    ball: 'read',
    since: NOW - 1000,
    place: 0,
    openedAt: NOW - 5000,
    bytesRead: 1,
    bytesWritten: 2,
    unsent: 4,
    unread: 3,
  });
});

test('a connection that the program opened is no client', () => {
  const opened = resource('connection', 3, { label: 'connection 3 to 10.0.0.1:5432' });
  assert.deepEqual(clientsOf(snapshot({ resources: [opened] })), []);
});
