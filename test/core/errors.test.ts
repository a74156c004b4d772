import assert from 'node:assert/strict';
import * as maitre from 'maitre';
import { test } from '../support/test.js';

const { CancelledError, IncompleteReadError, LimitOverrunError, TaskGroupError, TimeoutError } = maitre;

test('every error class has its name, a code of its own, and is an Error', () => {
  const classes = [
    maitre.BrokenBarrierError,
    maitre.BusyError,
    CancelledError,
    maitre.ConnectionLostError,
    maitre.InvalidStateError,
    maitre.QueueEmpty,
    maitre.QueueFull,
    maitre.QueueShutDown,
    TimeoutError,
  ];
  const errors = [
    ...classes.map((Class) => new Class('why')),
    new IncompleteReadError(new Uint8Array(3), 5),
    new LimitOverrunError('why', 7),
    new TaskGroupError([new Error('a')], 'why'),
  ];
  for (const error of errors) {
    assert.ok(error instanceof Error);
    assert.equal(error.name, error.constructor.name);
    assert.match(error.code, /^ERR_[A-Z_]+$/);
  }
  assert.equal(new Set(errors.map(({ code }) => code)).size, errors.length);
});

test('an error passes its message and its cause on', () => {
  const cause = new Error('cause');
  const error = new TimeoutError('late', { cause });
  assert.deepEqual([error.message, error.cause], ['late', cause]);
});

test('a CancelledError has the default message and reason, or those given', () => {
  assert.deepEqual(
    [new CancelledError().message, new CancelledError().reason],
    ['Task was cancelled', { kind: 'task' }],
  );
  const reason = { kind: 'shutdown', by: 1 } as const;
  assert.deepEqual(new CancelledError('closing', { reason }).reason, reason);
});

test('a TaskGroupError is an AggregateError', () => {
  const errors = [new Error('a'), new Error('b')];
  const error = new TaskGroupError(errors, 'two');
  assert.ok(error instanceof AggregateError);
  assert.deepEqual(error.errors, errors);
});

test('an IncompleteReadError has what came, and what was asked for', () => {
  const error = new IncompleteReadError(new Uint8Array(18), 36);
  assert.deepEqual([error.partial.length, error.expected], [18, 36]);
  assert.match(error.message, /18 of 36 expected bytes/);
  assert.equal(new IncompleteReadError(new Uint8Array()).expected, undefined);
});

// ---- groups of errors: PEP 654 --------------------------------------------------------------------------------------

test('split parts a tree of errors by class or function, and both parts keep its shape', () => {
  const [lost, wrong, other] = [new maitre.ConnectionLostError('lost'), new RangeError('wrong'), new Error('other')];
  const inner = new TaskGroupError([lost, wrong], 'inner', { cause: other });
  const whole = new TaskGroupError([inner, other], 'whole');
  for (const test of [maitre.ConnectionLostError, (error: unknown) => error === lost]) {
    const [matching, rest] = whole.split(test);
    assert.ok(matching !== undefined && rest !== undefined);
    assert.deepEqual(matching.leaves(), [lost]);
    assert.deepEqual(rest.leaves(), [wrong, other]);
    const [inside] = matching.errors as [InstanceType<typeof TaskGroupError>];
    assert.deepEqual([inside.message, inside.cause, inside.errors], ['inner', other, [lost]]);
    assert.deepEqual([matching.message, matching.stack], ['whole', whole.stack]);
  }
});

test('split gives the whole where all errors match or none does, and does not look into a group that matches', () => {
  const whole = new TaskGroupError([new RangeError('a'), new TaskGroupError([new RangeError('b')])]);
  assert.deepEqual(whole.split(RangeError)[0]?.leaves(), whole.leaves());
  assert.equal(whole.split(RangeError)[1], undefined);
  assert.deepEqual(whole.split(TypeError)[1]?.leaves(), whole.leaves());
  assert.deepEqual(whole.split(TaskGroupError), [whole, undefined]);
  assert.deepEqual(
    whole.leaves().map((error) => (error as Error).message),
    ['a', 'b'],
  );
  assert.throws(() => whole.split('RangeError' as never), /expected an error class or a function, got "RangeError"/);
});
