// Two dinners in step.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { type Choice, type Pair, serveBoth } from '#page/console/page/compare/dinner.js';
import { barsOf, HOLD, replayOf, resultOf, sceneOf } from '#page/console/page/compare/replay.js';
import { recordedAt } from '#page/console/page/slow/timeline.js';
import { test } from '../../../support/test.js';
import { useHostWithoutCarrier } from './host-of-pages.js';

useHostWithoutCarrier();

const choices: readonly Choice[] = [
  { guests: 10, seed: 21, kitchen: 1, standing: 'concurrency' },
  { guests: 10, seed: 21, kitchen: 0.8, standing: 'blocking' },
  { guests: 24, seed: 3, kitchen: 0.5, standing: 'concurrency' },
];
const pairs: Promise<readonly Pair[]> = (async () => {
  const all: Pair[] = [];
  for (const choice of choices) all.push(await serveBoth(choice));
  return all;
})();

describe('the replay of both', () => {
  test('runs to the end of the longer one, and shows every visit of both for 0.1 s', async () => {
    for (const pair of await pairs) {
      const replay = replayOf(pair);
      assert.ok(Math.abs(recordedAt(replay, replay.length) - pair.stands.end) < 1e-6);
      let shown = 0;
      for (const { begin, end, stay } of replay.ofStay) {
        const most = Math.max(stay?.stands.length ?? 0, stay?.walks.length ?? 0);
        assert.ok(end - begin >= HOLD * most - 1e-6);
        shown += (stay?.stands.length ?? 0) + (stay?.walks.length ?? 0);
      }
      assert.equal(shown, pair.stands.visits.length + pair.walks.visits.length);
    }
  });

  test('shows each guest come, and leave once, in the order of time', async () => {
    for (const pair of await pairs) {
      const replay = replayOf(pair);
      for (const one of ['stands', 'walks'] as const) {
        const before = sceneOf(pair, one, replay, 0);
        assert.equal(before.served, 0);
        let served = 0;
        for (let at = 0; at <= replay.length; at += 40) {
          const scene = sceneOf(pair, one, replay, at);
          assert.ok(scene.served >= served);
          served = scene.served;
          const limited = one === 'stands' && pair.choice.standing === 'concurrency';
          const cooking = scene.guests.filter((state) => state === 'cooks').length;
          assert.ok(!limited || cooking <= 1, 'one handler at a time');
        }
        assert.equal(sceneOf(pair, one, replay, replay.length).served, pair.choice.guests);
      }
    }
  });

  test('has the waiter stand with concurrency 1, and walk without', async () => {
    const [pair] = await pairs;
    if (pair === undefined) return;
    const replay = replayOf(pair);
    const standing = { stands: 0, walks: 0 };
    for (let at = 0; at < replay.length; at += 20) {
      for (const one of ['stands', 'walks'] as const)
        if (sceneOf(pair, one, replay, at).standsSince !== undefined) standing[one]++;
    }
    assert.ok(standing.stands > 100 && standing.walks === 0, JSON.stringify(standing));
  });
});

describe('the bars', () => {
  test('cut the time of each guest up, whole and without overlap', async () => {
    for (const pair of await pairs) {
      for (const dinner of [pair.stands, pair.walks]) {
        dinner.guests.forEach(({ arrived, left }, guest) => {
          let at = arrived;
          for (const { begin, end } of barsOf(dinner, guest)) {
            assert.ok(Math.abs(begin - at) < 1e-6 && end > begin);
            at = end;
          }
          assert.ok(Math.abs(at - left) < 1e-6);
        });
      }
    }
  });

  test('say for whom: the waiter on one side, the kitchen on the other', async () => {
    const [pair] = await pairs;
    if (pair === undefined) return;
    const total = (one: 'stands' | 'walks', kind: string): number =>
      pair[one].guests
        .flatMap((_, guest) => barsOf(pair[one], guest))
        .filter((bar) => bar.kind === kind)
        .reduce((sum, { begin, end }) => sum + end - begin, 0);
    assert.ok(total('stands', 'waiter') > 5000 && total('walks', 'waiter') < 1);
    assert.ok(Math.abs(total('stands', 'kitchen') - total('walks', 'kitchen')) < 1e-6);
  });
});

describe('the result', () => {
  test('says when the last guest left here and there, and how long the waiter stood', async () => {
    const [first, second] = await pairs;
    assert.match(
      resultOf(first as Pair),
      /^The last guest left after \d\.?\d* s here, after \d+ ms there: \d\.\d times as long\. The waiter who stands stood, though others were there, for \d\d % of the time\.$/,
    );
    assert.match(resultOf(second as Pair), /The waiter who stands stood for \d\d % of the time\.$/);
  });

  test('says that nothing is won where the kitchen has no share', async () => {
    const pair = await serveBoth({ guests: 6, seed: 2, kitchen: 0, standing: 'blocking' });
    assert.match(resultOf(pair), /: nothing is won, because the handlers’ own work takes the one thread in both\.$/);
  });
});
