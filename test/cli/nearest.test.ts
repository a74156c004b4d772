import assert from 'node:assert/strict';
import { didYouMean, nearest } from '#src/cli/nearest.js';
import { test } from '../support/test.js';

const known = ['serve', 'connect', 'completion', 'top', '--port', '--max-connections'];

test('nearest() finds the word with a letter missing, surplus, wrong or swapped, and the one that begins so', () => {
  for (const [word, found] of [
    ['srve', 'serve'],
    ['serrve', 'serve'],
    ['sorve', 'serve'],
    ['sevre', 'serve'],
    ['conenct', 'connect'],
    ['comp', 'completion'],
    ['tap', 'top'],
    ['--prot', '--port'],
    ['--max', '--max-connections'],
    ['port', '--port'],
  ] as const) {
    assert.equal(nearest(word, known), found, word);
  }
});

test('nearest() finds nothing for a word that is like none, or begins two', () => {
  for (const word of ['fly', 'co', 'xx', 'x', '', '-', '--', 'servants'])
    assert.equal(nearest(word, known), undefined, word);
});

test('didYouMean() is the end of a message, and empty without a word', () => {
  assert.equal(didYouMean('srve', known), '; did you mean serve?');
  assert.equal(didYouMean('fly', known), '');
});
