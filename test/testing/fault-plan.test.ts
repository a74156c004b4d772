import assert from 'node:assert/strict';
import type { Faults } from 'maitre/testing';
import { FaultPlan } from '#src/testing/fault-plan.js';
import { test } from '../support/test.js';

/** What a plan does to `bytes` bytes, when pieces come as long as they may be, up to `atMost`. */
function walk(faults: Faults, seed: number, { bytes = 10_000, atMost = Infinity } = {}): string[] {
  const plan = new FaultPlan(faults, seed);
  const events: string[] = [];
  for (let at = 0; at < bytes;) {
    const step = plan.next();
    if (step === 'stall') events.push(`stall at ${at} for ${plan.stall().toFixed(3)}`);
    else if (step === 'piece') {
      const size = Math.min(plan.size(), atMost, bytes - at);
      plan.delay();
      plan.passed(size);
      at += size;
    } else return [...events, `${step} at ${at}`];
  }
  return events;
}

const all: Faults = { piece: [1, 50], delay: [0, 5], stallAfter: [100, 900], resetAfter: [5000, 9000] };

test('a seed repeats the plan, another one makes another', () => {
  assert.deepEqual(walk(all, 3), walk(all, 3));
  assert.notDeepEqual(walk(all, 3), walk(all, 4));
});

test('how the stream is cut moves no stall and no end', () => {
  const events = walk(all, 5);
  assert.ok(events.length > 5 && events.at(-1)?.startsWith('reset at ') === true, events.join(', '));
  assert.deepEqual(walk(all, 5, { atMost: 3 }), events);
  assert.deepEqual(walk({ ...all, piece: undefined, delay: undefined }, 5), events);
});

test('an end comes at its very byte, the first one included', () => {
  assert.deepEqual(walk({ truncateAfter: 1234 }, 1), ['truncate at 1234']);
  assert.deepEqual(walk({ resetAfter: 77.9, truncateAfter: 78 }, 1), ['reset at 77']);
  assert.deepEqual(walk({ resetAfter: 0 }, 1), ['reset at 0']);
  assert.deepEqual(walk({}, 1), []);
});

test('stalls come again and again, and pass on a byte at least in between', () => {
  assert.deepEqual(walk({ stallAfter: 4000, stallFor: 5 }, 1), ['stall at 4000 for 5.000', 'stall at 8000 for 5.000']);
  assert.equal(walk({ stallAfter: 0, stallFor: 5 }, 1, { bytes: 100 }).length, 99);
});

test('pieces are as long as drawn, and a byte at least', () => {
  const sizes = (faults: Faults): number[] => {
    const plan = new FaultPlan(faults, 1);
    return Array.from({ length: 1000 }, () => plan.size());
  };
  assert.deepEqual([...new Set(sizes({}))], [65_536]);
  assert.deepEqual([...new Set(sizes({ piece: 0 }))], [1]);
  const drawn = sizes({ piece: [10, 21] });
  assert.ok(Math.min(...drawn) === 10 && Math.max(...drawn) === 20);
});

test('a rate allows its bytes per second, in pieces of a tenth of a second', () => {
  const plan = new FaultPlan({ rate: 1000 }, 1);
  assert.equal(plan.size(), 100);
  assert.equal(plan.passed(100), 100);
  const slowest = new FaultPlan({ rate: 1 }, 1);
  assert.equal(slowest.size(), 1);
  assert.equal(slowest.passed(1), 1000);
  assert.equal(new FaultPlan({}, 1).passed(1000), 0);
});
