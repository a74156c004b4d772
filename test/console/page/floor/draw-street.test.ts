import assert from 'node:assert/strict';
import { streetOf, streetWords } from '#page/console/page/floor/draw-street.js';
import { test } from '../../../support/test.js';

const row = { server: 'a', parked: 0, inLine: 0, refused: 0, backlog: 0, limit: null };

test('the street says what is outside of all servers together', () => {
  const street = streetOf([
    { ...row, parked: 3, firstParked: 500, limit: 'maxConnections 120' },
    { ...row, parked: 2, inLine: 1, backlog: 4, firstParked: 200 },
  ]);
  assert.deepEqual(street, { parked: 5, inLine: 1, backlog: 4, limit: 'maxConnections 120', first: 200 });
  assert.deepEqual(streetWords(street), ['5 parked', '1 in line', '4 in backlog']);
});

test('a backlog that is not known says so, and is not 0', () => {
  assert.deepEqual(streetWords(streetOf([{ ...row, backlog: null }])), ['nobody', 'backlog not known']);
  assert.deepEqual(streetWords(streetOf([row])), ['nobody']);
});
