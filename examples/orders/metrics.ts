// Figures for Prometheus, in its text format.
import type { Kitchen } from './kitchen.ts';

interface Count {
  readonly orders: number;
  readonly served: number;
}

export function metrics(count: Count, kitchen: ReturnType<Kitchen['statistics']>, watchers: number): string {
  const figures = {
    orders_total: count.orders,
    orders_served_total: count.served,
    kitchen_orders: kitchen.inside,
    kitchen_cooked_total: kitchen.cooked,
    board_watchers: watchers,
  };
  return Object.entries(figures)
    .map(([name, value]) => `# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}\n${name} ${value}\n`)
    .join('');
}
