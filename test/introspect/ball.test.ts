import assert from 'node:assert/strict';
import { ballOf, leafOf } from '#src/introspect/ball.js';
import type { TaskRow } from '#src/introspect/index.js';
import { test } from '../support/test.js';
import { NOW, task, wait } from './rows.js';

test('the ball of a wait follows from its kind, or from the kind of what it waits for', () => {
  const balls: readonly (readonly [kind: string, resource: string | undefined, ball: string])[] = [
    ['read', 'connection', 'read'],
    ['readLine', undefined, 'read'],
    ['datagram.receive', 'datagram endpoint', 'read'],
    ['drain', 'connection', 'drain'],
    ['flush', undefined, 'drain'],
    ['waitClosed', 'connection', 'drain'],
    ['executor.call', 'job', 'kitchen'],
    ['executor.room', 'executor', 'kitchen'],
    ['sleep', undefined, 'clock'],
    ['rate.acquire', 'rate limiter', 'clock'],
    ['lock.acquire', 'lock', 'other'],
    ['queue.get', 'queue', 'other'],
    ['task group', undefined, 'other'],
    ['my own', undefined, 'other'],
    ['promise', undefined, 'unseen'],
  ];
  assert.deepEqual(
    balls.map(([kind, resource]) => ballOf(kind, resource)),
    balls.map(([, , ball]) => ball),
  );
});

function leafKind(...tasks: readonly TaskRow[]): string | undefined {
  const byId = new Map(tasks.map((each) => [each.id, each]));
  return leafOf(tasks[0] as TaskRow, (id) => byId.get(id)).wait?.kind;
}

test('a task that waits for others waits for what they wait for: a job before a drain before a lock before a read', () => {
  const kinds = [
    wait('promise', { ball: 'unseen' }),
    wait('sleep', { ball: 'clock' }),
    wait('queue.get'),
    wait('readLine', { ball: 'read' }),
    wait('lock.acquire'),
    wait('drain', { ball: 'drain' }),
    wait('executor.call', { ball: 'kitchen' }),
  ];
  for (let count = 1; count <= kinds.length; count++) {
    const children = kinds.slice(0, count).map((each, i) => task(i + 2, `t${i}`, [each]));
    const root = task(1, 'root', [wait('task group', { tasks: children.map(({ id }) => id) })]);
    assert.equal(leafKind(root, ...children), kinds[count - 1]?.kind);
    assert.equal(leafKind(root, ...children.toReversed()), kinds[count - 1]?.kind);
  }
});

test('of two alike the longer one counts; chains, circles and tasks without rows end', () => {
  const reads = (id: number, since: number) => task(id, `r${id}`, [wait('readLine', { ball: 'read', since })]);
  const root = task(1, 'root', [wait('gather', { tasks: [2, 3, 99] })]);
  const byId = new Map([root, reads(2, NOW - 10), reads(3, NOW - 20)].map((each) => [each.id, each]));
  assert.equal(leafOf(root, (id) => byId.get(id)).task.id, 3);
  assert.equal(leafKind(task(1, 'gone', [wait('await', { tasks: [99] })])), 'await');
  assert.equal(
    leafKind(task(1, 'a', [wait('await', { tasks: [2] })]), task(2, 'b', [wait('await', { tasks: [1] })])),
    'await',
  );
  const chain = Array.from({ length: 100 }, (_, i) => task(i + 1, `c${i}`, [wait('await', { tasks: [i + 2] })]));
  assert.equal(leafKind(...chain, task(101, 'end', [wait('drain', { ball: 'drain' })])), 'drain');
});

test('a task that runs does not wait, whatever waits it stands at', () => {
  const running = task(2, 'runs', [wait('drain', { ball: 'drain' })], { state: 'running' });
  const root = task(1, 'root', [wait('task group', { tasks: [2] })]);
  const leaf = leafOf(root, (id) => (id === 2 ? running : undefined));
  assert.deepEqual([leaf.task.id, leaf.wait], [2, undefined]);
});
