// The warning of named things that each worker has for itself.
import assert from 'node:assert/strict';
import { RepeatedNames } from '#src/workers/repeated-names.js';
import { test } from '../support/test.js';

test('a name in two places is warned of once, with what to use instead', () => {
  const warnings: string[] = [];
  const names = new RepeatedNames((message) => warnings.push(message));
  names.note(1, [{ kind: 'broadcast', name: 'news' }]);
  names.note(2, [{ kind: 'broadcast', name: 'weather' }]);
  assert.deepEqual(warnings, []);
  for (const place of [2, 3, 1]) names.note(place, [{ kind: 'broadcast', name: 'news' }]);
  assert.deepEqual(warnings, [
    'broadcast "news" is made in several workers: each worker has its own, and what one publishes the others do not receive; use WorkerBroadcast of maitre/workers',
  ]);
});

test('a worker that replaces another one at its place is no second one, and kinds are told apart', () => {
  const warnings: string[] = [];
  const names = new RepeatedNames((message) => warnings.push(message));
  names.note(1, [{ kind: 'lock', name: 'x' }]);
  names.note(1, [{ kind: 'lock', name: 'x' }]);
  names.note(2, [{ kind: 'rate limiter', name: 'x' }]);
  assert.deepEqual(warnings, []);
  names.note(2, [{ kind: 'lock', name: 'x' }]);
  assert.match(warnings.join(), /^lock "x" is made in several workers: .* does not keep workers apart/);
});
