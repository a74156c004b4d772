import assert from 'node:assert/strict';
import { clauseEnd } from '#page/console/page/sentence.js';
import { test } from '../../support/test.js';

test('the first clause of a sentence ends before its first comma, or after its first full stop', () => {
  const first = (text: string): string => text.slice(0, clauseEnd(text));
  assert.equal(first('The loop keeps up, 4 % busy; nobody waits.'), 'The loop keeps up');
  assert.equal(
    first('Client 9 has kept the loop for 1.2 s. Nobody else is served.'),
    'Client 9 has kept the loop for 1.2 s.',
  );
  assert.equal(first('The loop keeps up; 35 wait, all for lock "a.b"'), 'The loop keeps up');
  assert.equal(first('Nobody is here'), 'Nobody is here');
  assert.equal(
    first('Blocked by task "a, b" (in native code, unnamed), 4 wait.'),
    'Blocked by task "a, b" (in native code, unnamed)',
  );
});
