// The kitchen: takes unserved orders from the store, cooks each on a stove, and announces it.
//
// The store is the queue. `#pass` only looks there when it is woken, and hands out what it does not know yet. So an order
// is cooked once, and one that was stored by a request that was cancelled in that moment is cooked too. What was stored
// and not served when the restaurant closed is cooked when it opens again.
import { createTask, Event, Queue, retry, type RetryOptions, shield, type Task, TaskGroup } from 'maitre';
import { ThreadExecutor } from 'maitre/executors';
import type { Order } from './menu.ts';
import type * as stove from './stove.ts';
import type { OrderStore } from './store.ts';

/** The most orders that are in the kitchen at once. The others wait in the store. */
const MOST = 50;
/** The database may be restarting. */
const UNTIL_IT_WORKS: RetryOptions = { attempts: Infinity, maxBackoff: 2000 };

export class Kitchen implements AsyncDisposable {
  readonly #store: OrderStore;
  readonly #announce: (order: Order) => void;
  readonly #stoves: ThreadExecutor;
  readonly #cooks: number;
  /** Set when there may be new orders in the store. */
  readonly #bell = new Event({ name: 'kitchen bell' });
  readonly #orders = new Queue<Order>(0, { name: 'kitchen orders' });
  /** The ids of the orders that are in the kitchen. */
  readonly #inside = new Set<string>();
  /** The ids of those that were served since the pass last looked into the store. */
  readonly #served: string[] = [];
  readonly #work: Task<void>;
  #isOpen = true;
  #cooked = 0;

  constructor(store: OrderStore, announce: (order: Order) => void, cooks = 2) {
    this.#store = store;
    this.#announce = announce;
    this.#cooks = cooks;
    this.#stoves = new ThreadExecutor({ size: cooks, name: 'stoves' });
    this.#bell.set(); // what was left from the last time
    this.#work = createTask(() => this.#run(), { name: 'kitchen' });
  }

  /** Call it when an order may have been stored. */
  ring(): void {
    this.#bell.set();
  }

  statistics(): { readonly inside: number; readonly waiting: number; readonly cooked: number } {
    return { inside: this.#inside.size, waiting: this.#orders.qsize(), cooked: this.#cooked };
  }

  /** Finishes what is on the stoves. What waits stays in the store for the next time. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    this.#orders.shutdown({ immediate: true });
    this.#bell.set();
    await this.#work;
    await this.#stoves.shutdown();
  }

  async #run(): Promise<void> {
    await TaskGroup.run((group) => {
      group.createTask(() => this.#pass(), { name: 'pass' });
      for (let n = 1; n <= this.#cooks; n++) group.createTask(() => this.#cook(), { name: `cook ${n}` });
    });
  }

  /** Brings new orders from the store to the cooks. */
  async #pass(): Promise<void> {
    while (this.#isOpen) {
      await this.#bell.wait();
      this.#bell.clear(); // before it looks: who rings meanwhile is heard
      // What was served before it looks is not among what it finds; what is served meanwhile can be, and counts as inside.
      for (const id of this.#served.splice(0)) this.#inside.delete(id);
      const orders = await retry(() => this.#store.unserved(MOST), UNTIL_IT_WORKS);
      for (const order of orders) {
        if (!this.#isOpen || this.#inside.has(order.id)) continue;
        this.#inside.add(order.id);
        this.#orders.putNowait(order);
      }
    }
  }

  async #cook(): Promise<void> {
    const { cook } = this.#stoves.module<typeof stove>(new URL('./stove.ts', import.meta.url));
    for await (const order of this.#orders) {
      await cook(order.dish);
      // Served and announced, or neither: a cancel does not come between the two.
      await shield(async () => {
        await retry(() => this.#store.serve(order.id), UNTIL_IT_WORKS);
        this.#announce(order);
      });
      this.#cooked++;
      this.#served.push(order.id);
      this.#bell.set(); // there may be more than MOST
    }
  }
}
