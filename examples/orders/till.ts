// The till: a line in, a line out, over TCP. Try it with `npx maitre connect 127.0.0.1:8012`.
//
//   order 7 soup     an order for table 7
//   table 7          what table 7 has ordered, and what it costs
//   today            how many orders there are
import { randomUUID } from 'node:crypto';
import type { Handler } from 'maitre';
import type { Kitchen } from './kitchen.ts';
import { MENU, OrderError, readOrder } from './menu.ts';
import type { OrderStore } from './store.ts';

/** Returns the handler of a connection. */
export function till(store: OrderStore, kitchen: Kitchen): Handler {
  return async (reader, writer) => {
    for await (const line of reader.lines()) {
      writer.write(`${await answer(line.trim().split(/\s+/))}\n`);
      await writer.drain();
    }
  };

  async function answer([command, table, dish]: readonly string[]): Promise<string> {
    if (command === 'order') return order(Number(table), dish);
    if (command === 'table') return bill(Number(table));
    if (command !== 'today') return 'what? I know: order TABLE DISH, table TABLE, today';
    const { orders, served } = await store.count();
    return `${orders} orders, ${served} served`;
  }

  async function order(table: number, dish: string | undefined): Promise<string> {
    try {
      const found = readOrder({ id: randomUUID(), table, dish });
      await store.add(found);
      return `ok ${found.id}`;
    } catch (error) {
      if (error instanceof OrderError) return `no: ${error.message}`;
      throw error;
    } finally {
      kitchen.ring(); // also when the till hung up in that moment
    }
  }

  async function bill(table: number): Promise<string> {
    const orders = await store.ofTable(table);
    const sum = orders.reduce((total, { dish }) => total + MENU[dish].price, 0);
    return `${orders.map(({ dish, served }) => (served ? dish : `${dish} (soon)`)).join(', ') || 'nothing'}: ${sum}`;
  }
}
