import assert from 'node:assert/strict';
import { kitchenWords, platesOf } from '#page/console/page/floor/draw-kitchen.js';
import { KITCHEN, READ } from '#page/console/page/kinds.js';
import type { FloorPicture } from '#page/console/page/floor/picture.js';
import type { KitchenRow } from '#src/inspect/protocol/index.js';
import { floorTable } from '../../../support/floor-table.js';
import { test } from '../../../support/test.js';

const picture = (kitchen: Partial<KitchenRow>): FloorPicture =>
  ({
    tables: [1, 2, 3, 4].map((id) => floorTable({ id, ball: id === 4 ? READ : KITCHEN })),
    kitchens: [
      {
        executor: 'kitchen',
        size: 1,
        queued: 1,
        next: [{ job: 'cook', table: 2 }],
        workers: [{ job: 'cook', table: 1, since: 0 }],
        unfetched: 1,
        ...kitchen,
      },
    ],
  }) as unknown as FloorPicture; // no more than it reads

test('a plate is of the table that waits for the kitchen and has neither a stove nor a ticket', () => {
  assert.deepEqual(platesOf(picture({}), 1), [3]);
});

test('nobody knows whose a plate is where the numbers do not agree, or tickets are not told', () => {
  assert.deepEqual(platesOf(picture({}), 2), []);
  assert.deepEqual(platesOf(picture({ queued: 9 }), 1), []);
});

test('the words of a kitchen count its workers, and the machines that they are on', () => {
  const { kitchens } = picture({});
  const [local] = kitchens as [KitchenRow];
  const far = { ...local, size: 5, machines: 2 };
  assert.equal(kitchenWords([], 0, false), 'no executor');
  assert.equal(kitchenWords([local], 1, false), '1 worker, 1 busy');
  assert.equal(kitchenWords([far], 1, false), '1 of 5 on 2 machines');
  assert.equal(kitchenWords([local, far], 2, false), '2 of 6 on 2 machines');
  assert.equal(kitchenWords([far], 1, true), '1 of 5');
  assert.equal(kitchenWords([{ ...far, size: 0, workers: [], machines: 0 }], 0, false), '0 workers, 0 busy');
});
