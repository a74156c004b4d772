// What the restaurant serves, and what an order is.

/** The dishes, with the work that each is on a stove, and its price. */
export const MENU = {
  bread: { work: 1, price: 3 },
  soup: { work: 3, price: 7 },
  fish: { work: 6, price: 16 },
  roast: { work: 12, price: 21 },
} as const;

export type Dish = keyof typeof MENU;

export interface Order {
  /** Chosen by the guest. An order that is sent twice, because the answer was lost, is one order. */
  readonly id: string;
  readonly table: number;
  readonly dish: Dish;
}

/** What is wrong with an order, for the guest. */
export class OrderError extends Error {}

/** Reads an order from what a guest has sent. */
export function readOrder(value: unknown): Order {
  const { id, table, dish } = Object(value) as Partial<Record<keyof Order, unknown>>; // checked below
  if (typeof id !== 'string' || !/^[\w-]{1,40}$/.test(id)) throw new OrderError('id must be 1 to 40 letters or digits');
  if (typeof table !== 'number' || !Number.isInteger(table) || table < 1 || table > 99) {
    throw new OrderError('table must be a number from 1 to 99');
  }
  if (!isDish(dish)) throw new OrderError(`dish must be one of ${Object.keys(MENU).join(', ')}`);
  return { id, table, dish };
}

function isDish(value: unknown): value is Dish {
  return typeof value === 'string' && Object.hasOwn(MENU, value);
}
