// Side by side: two real runs of one dinner, on virtual time.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import fc from 'fast-check';
import { type Choice, type Dinner, guestsOf, serveBoth } from '#page/console/page/compare/dinner.js';
import { test } from '../../../support/test.js';
import { useHostWithoutCarrier } from './host-of-pages.js';

useHostWithoutCarrier();

const usual: Choice = { guests: 10, seed: 21, kitchen: 1, standing: 'concurrency' };
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 2, `${a} is not ${b}`);

const onlyOneVisit = ({ visits }: Dinner): void => {
  let free = 0;
  for (const { begin, end } of visits) {
    assert.ok(begin >= free && end >= begin, `a visit at ${begin}, while one lasts until ${free}`);
    free = end;
  }
};

describe('serveBoth', () => {
  test('a waiter who stands serves one meal after the other; one who walks on serves all at once', async () => {
    const { stands, walks } = await serveBoth(usual);
    const meals = guestsOf(usual).map(({ cooks }) => cooks);
    assert.ok(stands.end > sum(meals) && stands.end < sum(meals) + 500, `${stands.end}`);
    near(walks.end, Math.max(...guestsOf(usual).map(({ arrives, thinks, cooks }) => arrives + thinks + cooks)));
    assert.ok(walks.stood < 1 && stands.stood / stands.end > 0.8);
  });

  test('with a call that blocks, the waiter stands as long as the meals take', async () => {
    const choice: Choice = { ...usual, standing: 'blocking' };
    const { stands, walks } = await serveBoth(choice);
    const meals = sum(guestsOf(choice).map(({ cooks }) => cooks));
    near(stands.stood, meals);
    near(sum(stands.visits.map(({ kept }) => kept)), meals);
    assert.ok(walks.end < 500);
  });

  test('without a kitchen, walking on wins nothing: own work takes the one thread', async () => {
    const choice: Choice = { ...usual, kitchen: 0, standing: 'blocking' };
    const { stands, walks } = await serveBoth(choice);
    near(stands.end, walks.end);
    near(sum(walks.visits.map(({ begin, end }) => end - begin)), sum(guestsOf(choice).map(({ work }) => work)));
    assert.equal(walks.stood, 0);
  });

  test('is the same for the same seed, to the last microsecond', async () => {
    assert.deepEqual(await serveBoth(usual), await serveBoth(usual));
    assert.notDeepEqual((await serveBoth({ ...usual, seed: 22 })).walks, (await serveBoth(usual)).walks);
  });

  test('never has the waiter at two tables, and each guest leaves after its meal', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          guests: fc.integer({ min: 1, max: 24 }),
          seed: fc.integer({ min: 0, max: 1e6 }),
          kitchen: fc.constantFrom(0, 0.5, 0.9, 1),
          standing: fc.constantFrom('concurrency', 'blocking'),
        }),
        async (choice) => {
          const { stands, walks } = await serveBoth(choice);
          for (const dinner of [stands, walks]) {
            onlyOneVisit(dinner);
            assert.equal(dinner.guests.length, choice.guests);
            guestsOf(choice).forEach(({ work, cooks }, n) => {
              const log = dinner.guests[n];
              assert.ok(log !== undefined && log.left >= log.ordered + work + cooks - 1e-6, `guest ${n}`);
              assert.ok(log.ordered >= log.arrived);
            });
          }
          assert.ok(walks.end <= stands.end + 1e-6);
        },
      ),
      { numRuns: 12 },
    );
  });

  test('says what each table waits for after each visit', async () => {
    const { walks } = await serveBoth({ ...usual, guests: 1 });
    assert.deepEqual(
      walks.visits.map(({ to }) => to),
      ['read', 'kitchen', null],
    );
    near((walks.jobs[0]?.end ?? 0) - (walks.jobs[0]?.begin ?? 0), guestsOf({ ...usual, guests: 1 })[0]?.cooks ?? 0);
  });
});
