import assert from 'node:assert/strict';
import {
  CancelledError,
  ConnectionLostError,
  IncompleteReadError,
  isConnectionLost,
  TaskGroup,
  TaskGroupError,
} from 'maitre';
import { test } from '../support/test.ts';

const lost = new ConnectionLostError('Connection lost: read ECONNRESET');

test('isConnectionLost: a ConnectionLostError, groups of nothing else, and what has one as its cause', () => {
  for (const error of [
    lost,
    Object.assign(new Error('of another copy of the package'), { code: 'ERR_CONNECTION_LOST' }),
    new Error('cannot save', { cause: lost }),
    new Error('cannot save', { cause: new Error('cannot flush', { cause: lost }) }),
    new AggregateError([lost]),
    new TaskGroupError([lost, new TaskGroupError([lost, new Error('x', { cause: lost })])]),
    new AggregateError([], 'nothing of its own', { cause: lost }),
    new AggregateError([lost, lost]),
  ]) {
    assert.equal(isConnectionLost(error), true, String(error));
  }
});

test('isConnectionLost: anything else is not, and a group with anything else in it is not', () => {
  for (const error of [
    new Error('ECONNRESET'),
    new CancelledError(),
    new IncompleteReadError(Buffer.alloc(0)),
    new AggregateError([]),
    new AggregateError([lost, new Error('a bug')]),
    new AggregateError([lost, undefined]),
    new AggregateError([new Error('a bug')], 'a group that was itself caused by a loss', { cause: lost }),
    new TaskGroupError([lost, new TaskGroupError([new Error('deep')])]),
    undefined,
    null,
    'ERR_CONNECTION_LOST',
    42,
    {},
    () => undefined,
  ]) {
    assert.equal(isConnectionLost(error), false, String(error));
  }
});

test('isConnectionLost bears cycles and hostile values', () => {
  const ring: Error & { cause?: unknown } = new Error('ring');
  ring.cause = new Error('inner', { cause: ring });
  assert.equal(isConnectionLost(ring), false);
  const group = new AggregateError([lost]);
  group.errors.push(group);
  assert.equal(isConnectionLost(group), true); // it holds nothing else
  const only = new AggregateError([]);
  only.errors.push(only);
  assert.equal(isConnectionLost(only), false);
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  assert.equal(isConnectionLost(proxy), false);
  const hostile = {
    get code(): string {
      throw new Error('no code for you');
    },
  };
  assert.equal(isConnectionLost(hostile), false);
  let deep: unknown = lost;
  for (let i = 0; i < 100_000; i++) deep = { cause: deep };
  assert.equal(typeof isConnectionLost(deep), 'boolean');
});

test('isConnectionLost knows what a TaskGroup throws when both of its tasks lost their peer', async () => {
  const error: unknown = await TaskGroup.run((group) => {
    group.createTask(async () => {
      throw lost;
    });
    group.createTask(async () => {
      throw new ConnectionLostError('Cannot write: the connection is gone');
    });
  }).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof TaskGroupError);
  assert.equal(isConnectionLost(error), true);
});
