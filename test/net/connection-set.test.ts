import assert from 'node:assert/strict';
import type { Connection } from 'maitre';
import { ConnectionSet } from '#src/net/connection-set.js';
import { test } from '../support/test.js';

/** A connection as far as its set is concerned. */
function fake(id: number): Connection {
  const place = { previous: undefined, next: undefined, list: undefined, connection: {} };
  const connection = { id, place } as unknown as Connection; // a test's liberty
  place.connection = connection;
  return connection;
}

const ids = (connections: Iterable<Connection>): number[] => [...connections].map(({ id }) => id);

test('a set of connections is a Set in the order of coming', () => {
  const all = [1, 2, 3].map(fake);
  const [first, second] = all as [Connection, Connection];
  const set = new ConnectionSet();
  for (const each of all) set.add(each);
  assert.equal(set.size, 3);
  assert.equal(set.has(second), true);
  assert.deepEqual(ids(set), [1, 2, 3]);
  assert.deepEqual(ids(set.keys()), [1, 2, 3]);
  assert.deepEqual(ids(set.values()), [1, 2, 3]);
  assert.deepEqual([...set.entries()][0], [first, first]);
  const seen: unknown[] = [];
  set.forEach(function (this: unknown, value, key, whole) {
    seen.push([this, value.id, key.id, whole === set]);
  }, 'self');
  assert.deepEqual(seen[2], ['self', 3, 3, true]);
  assert.equal(set.delete(second), true);
  assert.equal(set.delete(second), false);
  assert.equal(set.has(second), false);
  assert.deepEqual(ids(set), [1, 3]);
});

test('connections may leave and come while a set is walked: those that have left are not given', () => {
  const all = [1, 2, 3, 4].map(fake);
  const set = new ConnectionSet();
  for (const each of all) set.add(each);
  const seen: number[] = [];
  for (const each of set) {
    seen.push(each.id);
    if (each.id !== 1) continue;
    for (const leaver of all.slice(0, 3)) set.delete(leaver);
    set.add(fake(5));
  }
  assert.deepEqual(seen, [1, 4]);
  assert.deepEqual(ids(set), [4, 5]);
});

test('a set of connections has the operations of sets where the runtime has them', () => {
  const set = new ConnectionSet();
  const [one, other] = [fake(1), fake(2)];
  set.add(one);
  const { union } = set as unknown as { union?: (other: ReadonlySet<Connection>) => Set<Connection> };
  assert.equal(union !== undefined, 'union' in Set.prototype);
  if (union !== undefined) assert.deepEqual(ids(union.call(set, new Set([other]))), [1, 2]);
});
