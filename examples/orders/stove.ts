// What a stove does: it computes, in a thread of its own, so that the loop has time for the guests meanwhile.
import { checkpoint } from 'maitre/executors';
import { type Dish, MENU } from './menu.ts';

/** Cooks a dish. Returns how well done it is. */
export function cook(dish: Dish): number {
  const steps = MENU[dish].work * 300_000;
  let heat = 1;
  for (let step = 0; step < steps; step++) {
    if (step % 100_000 === 0) checkpoint(); // throws when the kitchen closes at once
    heat = (heat * 48_271) % 2_147_483_647;
  }
  return heat % 100;
}
