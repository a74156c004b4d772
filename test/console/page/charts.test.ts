import assert from 'node:assert/strict';
import { CHARTS, columnsOf, mostOf } from '#page/console/page/charts.js';
import type { StripPoint } from '#src/inspect/protocol/index.js';
import { test } from '../../support/test.js';

const point: StripPoint = {
  at: 2000,
  busy: null,
  lag50: 0.1,
  lag99: 12.4,
  connections: 1200,
  reads: null,
  bytesIn: 1000,
  bytesOut: 2000,
  visits: null,
  longestBlock: 0,
};

test('what is not known is a dash and a gap, never 0', () => {
  const said = CHARTS.map((chart) => chart.text(point).join(''));
  assert.deepEqual(said, ['– %', '0.1, 12 ms', '1,200', '– /s', '2.93 KiB/s']);
  const busy = CHARTS.find(({ id }) => id === 'busy');
  assert.ok(busy !== undefined);
  assert.deepEqual(columnsOf(busy, [point, { ...point, at: 3000, busy: 0.5 }]), [
    [2, 3],
    [null, 50],
  ]);
});

test('the scale of the busy share is 10, 50 or 100 percent, and mostOf ignores gaps', () => {
  const [busy] = CHARTS;
  assert.deepEqual(
    [3, 20, 60].map((most) => busy?.top(most)),
    [10, 50, 100],
  );
  assert.equal(mostOf([null, 3, null, 7]), 7);
  assert.equal(mostOf(undefined), 0);
});
