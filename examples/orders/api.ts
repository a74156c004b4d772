// The HTTP API, on Hono. Each request is a task: a guest who leaves cancels it.
import { Hono } from 'hono';
import { webSocket } from 'maitre/http';
import type { Board } from './board.ts';
import type { Kitchen } from './kitchen.ts';
import { MENU, OrderError, readOrder } from './menu.ts';
import { metrics } from './metrics.ts';
import { page } from './page.ts';
import type { OrderStore } from './store.ts';

export function api(store: OrderStore, kitchen: Kitchen, board: Board): Hono {
  const app = new Hono();

  app.get('/', (c) => c.html(page));
  app.get('/menu', (c) => c.json(MENU));

  // 201 for a new order, 200 for one that was sent before.
  app.post('/orders', async (c) => {
    const order = readOrder(JSON.parse(await c.req.text()));
    try {
      return c.json(order, (await store.add(order)) ? 201 : 200);
    } finally {
      kitchen.ring(); // also when the guest left in the moment in which the order was stored
    }
  });

  app.get('/tables/:table', async (c) => c.json(await store.ofTable(Number(c.req.param('table')))));
  app.get('/board', (c) => webSocket(c.req.raw, (socket) => board.show(socket)));
  app.get('/metrics', async (c) => c.text(metrics(await store.count(), kitchen.statistics(), board.watchers)));

  app.onError((error, c) => {
    if (error instanceof OrderError || error instanceof SyntaxError) return c.json({ error: error.message }, 400);
    throw error;
  });
  return app;
}
